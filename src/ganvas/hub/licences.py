"""The names of licences that the hub knows: it refuses a card with another one."""

from __future__ import annotations

from ganvas.errors import GanvasError, did_you_mean

PAGE = "https://huggingface.co/docs/hub/repositories-licenses"
OWN = "other"
"""For a licence that has no name here."""
NAMES = """
afl-3.0 agpl-3.0 apache-2.0 apple-amlr apple-ascl artistic-2.0 bigcode-openrail-m
bigscience-bloom-rail-1.0 bigscience-openrail-m bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear
bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0
cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0
cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0
creativeml-openrail-m deepfloyd-if-license ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2
fair-noncommercial-research-license gemma gfdl gpl gpl-2.0 gpl-3.0 grok2-community h-research
intel-research isc lgpl lgpl-2.1 lgpl-3.0 lgpl-lr llama2 llama3 llama3.1 llama3.2 llama3.3 llama4
lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1 openmdw-1.0 openrail openrail++ osl-3.0 other
pddl postgresql unknown unlicense wtfpl zlib
"""
LICENCES = frozenset(NAMES.split())


def checked_licence(licence: str) -> str:
    """The licence as the hub writes it.

    Raises:
        GanvasError: none was given, or the hub knows no such name.
    """
    name = licence.strip().lower()
    if name in LICENCES:
        return name
    if not name:
        raise GanvasError(
            "--license is missing: say how others may use these weights (--license mit, "
            f"apache-2.0, cc-by-4.0, cc-by-nc-4.0, other, ...; all: {PAGE}). The training images' "
            "own licence may decide it"
        )
    raise GanvasError(
        f"--license: {licence!r} is no licence that the hub knows."
        f"{did_you_mean(name, NAMES.split())} For one of your own give {OWN}; all: {PAGE}"
    )
