"""What kind of file some bytes are. The first bytes tell it, whatever the file's name says."""

from __future__ import annotations

import re
from typing import NamedTuple

# Formats whose readers are in wide use, by Pillow's names. Left out on purpose: EPS, which runs
# another program, and formats without a signature, which accept any file.
_READABLE = (
    ("JPEG", rb"\xff\xd8\xff"),
    ("PNG", rb"\x89PNG"),
    ("GIF", rb"GIF8[79]a"),
    ("WEBP", rb"RIFF.{4}WEBP"),
    ("TIFF", rb"II[*+]\0|MM\0[*+]|II\0\*|MM\*\0"),
    ("BMP", rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"),
    ("PPM", rb"P[1-6f]\s+(#[^\n]*\n\s*)*[0-9]"),
    ("AVIF", rb".{4}ftypavi[fs]"),
    ("JPEG2000", rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n"),
)
# What other files are, under what to do with them. The first that matches counts.
_PICTURES = {
    "convert it to PNG or JPEG": (
        (rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", "HEIC"),  # the format of many phones
        (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (rb"II\xbc[\0\x01]", "JPEG XR"),
        (rb"8BPS", "a Photoshop document (PSD)"),
        (rb"gimp xcf", "a GIMP document (XCF)"),
        (rb"\x76\x2f\x31\x01", "OpenEXR with floating-point pixels"),
        (rb"#\?(RADIANCE|RGBE)", "Radiance HDR with floating-point pixels"),
        (rb"PF\s", "a portable float map (PFM) in colour"),
        (rb"P7\s", "a portable arbitrary map (PAM)"),
        (rb"DDS ", "a DirectDraw texture (DDS)"),
        (rb"\xabKTX ", "a Khronos texture (KTX)"),
        (rb"\0\0[\x01\x02]\0[^\0]\0", "an icon (ICO)"),
        (rb"icns", "an icon (ICNS)"),
        (rb"qoif", "QOI"),
        (rb"FLIF", "FLIF"),
        (rb"BPG\xfb", "BPG"),
        (rb"\x8a[MJ]NG|\x8bJNG", "MNG"),
        (rb"\x0a[\0\x02-\x05][\0\x01][\x01\x02\x04\x08]", "PCX"),
        (rb"\x01\xda[\0\x01][\x01\x02]", "SGI"),
        (rb"\x59\xa6\x6a\x95", "a Sun raster"),
        (rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", "a Windows metafile"),
        (rb"AT&TFORM", "DjVu"),
        (rb"SIMPLE  =", "FITS"),
        (rb".{128}DICM", "DICOM"),
        (rb"%PDF", "a PDF document"),
        (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript"),
        (  # it has no signature: these are the fields of its header
            rb".(\0[\x02\x03\x0a\x0b]\0{5}|\x01[\x01\x09].{4}[\x0f\x10\x18\x20])"
            rb".{8}[\x08\x0f\x10\x18\x20][\0-\x3f]",
            "TGA",
        ),
        (rb"\s*(<\?xml.{0,2000}?|<!--.{0,2000}?)?(<!doctype )?<?svg", "SVG"),
    ),
    "develop it to JPEG or to 8-bit TIFF": (
        (rb".{4}ftypcrx ", "a raw photograph (CR3)"),
        (rb"FUJIFILMCCD-RAW", "a raw photograph (RAF)"),
        (rb"IIR[OS]\x08\0|MMOR\0", "a raw photograph (ORF)"),
        (rb"IIU\0", "a raw photograph (RW2)"),
        (rb"FOVb", "a raw photograph (X3F)"),
        (rb"\0MRM", "a raw photograph (MRW)"),
        (rb"II\x1a\0\0\0HEAPCCDR", "a raw photograph (CRW)"),
    ),
}
_NO_PICTURES = {
    "": (
        (rb".{4}ftypM4A |ID3|fLaC|RIFF.{4}WAVE", "a sound file"),
        (rb"SQLite format 3", "a database"),
    ),
    "save its frames as image files": (
        (rb".{4}(ftyp|moov|mdat|wide|free)", "a video"),
        (rb"\x1aE\xdf\xa3|RIFF.{4}AVI |FLV\x01|OggS|\x30\x26\xb2\x75", "a video"),
        (rb"\0\0\x01[\xb3\xba]|G.{187}G", "a video"),
    ),
    "unpack it": (
        (rb"PK\x03\x04|PK\x05\x06", "a zip archive"),
        (rb"\x1f\x8b", "a file compressed with gzip"),
        (rb"BZh[1-9]1AY", "a file compressed with bzip2"),
        (rb"\xfd7zXZ\0", "a file compressed with xz"),
        (rb"\x28\xb5\x2f\xfd", "a file compressed with Zstandard"),
        (rb"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (rb"Rar!\x1a\x07", "a rar archive"),
        (rb".{257}ustar", "a tar archive"),
    ),
    "give that file itself, with its own suffix": (
        (rb"\x93NUMPY", "a NumPy array (.npy)"),
        (rb"PAR1", "a parquet file"),
    ),
    "save its images as image files or as an .npz file": (
        (rb"\x89HDF\r\n", "an HDF5 file"),
        (rb"MATLAB 5", "a MATLAB file"),
        (rb"\x80[\x02-\x05][\x7d\x95\x5d\x63\x28]", "a Python pickle, which is never opened"),
    ),
    "delete it": ((rb"\0\x05\x16[\0\x07]", "what macOS keeps beside a file"),),
    "run `git lfs pull`": ((rb"version https://git-lfs", "a Git LFS pointer"),),
    "download it again, the download failed": (
        (rb"\s*<(!doctype html|html|head|body|script)", "a web page (HTML)"),
        (rb"\s*<\?xml", "XML"),
        (rb"\s*[{\[]\s*[\"{\[]", "JSON"),
    ),
}
KIND_BYTES = 4096
"""As many bytes from the start of a file tell its kind."""


class FileKind(NamedTuple):
    """What a file is that cannot be read as an image."""

    name: str
    """With its article: `a video`."""
    advice: str
    """What to do with it; may be empty."""
    is_picture: bool

    def __str__(self) -> str:
        """The reason why it cannot be used."""
        why = "which cannot be read here" if self.is_picture else "not an image"
        return f"{self.name}, {why}" + (f"; {self.advice}" if self.advice else "")


def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL | re.IGNORECASE if b"<" in pattern else re.DOTALL)


_READABLE_PATTERNS = [(name, _compiled(pattern)) for name, pattern in _READABLE]
_OTHER_PATTERNS = [
    (_compiled(pattern), FileKind(name, advice, groups is _PICTURES))
    for groups in (_PICTURES, _NO_PICTURES)
    for advice, kinds in groups.items()
    for pattern, name in kinds
]
_ZEROS = FileKind("only zero bytes", "its content was never written, copy it again", False)
_TEXT = FileKind("text", "", False)
_TEXT_PATTERN = re.compile(rb"[\t\n\r\x20-\x7e]{1,512}")
_BOM = b"\xef\xbb\xbf"  # some editors put it before text


def readable_format(content: bytes) -> str | None:
    """Pillow's name of the format; None where it is none of those that are read."""
    for name, pattern in _READABLE_PATTERNS:
        if pattern.match(content):
            return name
    is_avif = content[4:8] == b"ftyp" and b"avif" in _compatible_brands(content)
    return "AVIF" if is_avif else None


def other_kind(content: bytes) -> FileKind | None:
    """What a file is that is no readable image, by its first bytes; None if that is unknown."""
    start = content[:KIND_BYTES].removeprefix(_BOM)
    for pattern, kind in _OTHER_PATTERNS:
        if pattern.match(start):
            return kind
    if content and not content.strip(b"\0"):
        return _ZEROS
    return _TEXT if _TEXT_PATTERN.fullmatch(start[:512]) else None


def _compatible_brands(content: bytes) -> list[bytes]:
    """The formats that an ISO media file says it follows."""
    end = min(int.from_bytes(content[:4], "big"), 512)
    return [content[8:12], *(content[start : start + 4] for start in range(16, end, 4))]
