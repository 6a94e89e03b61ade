"""What kind of file some bytes are. The first bytes tell it, whatever the file's name says."""

from __future__ import annotations

import re

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
_TO_PNG = "which cannot be read here; convert it to PNG or JPEG"
_TO_DEVELOP = "which cannot be read here; develop it to JPEG or to 8-bit TIFF"
_TO_FRAMES = "not an image; save its frames as image files"
_TO_UNPACK = "not an image; unpack it"
_TO_GIVE_ALONE = "not an image; give that file itself as data"
_TO_DOWNLOAD = "not an image (often a download that failed); download it again"
_UNREADABLE = (
    (rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", "HEIC", _TO_PNG),  # the format of many phones
    (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL", _TO_PNG),
    (rb"II\xbc[\0\x01]", "JPEG XR", _TO_PNG),
    (rb"8BPS", "a Photoshop document (PSD)", _TO_PNG),
    (rb"gimp xcf", "a GIMP document (XCF)", _TO_PNG),
    (rb"\x76\x2f\x31\x01", "OpenEXR, floating point,", _TO_PNG),
    (rb"#\?(RADIANCE|RGBE)", "Radiance HDR, floating point,", _TO_PNG),
    (rb"PF\s", "a portable float map (PFM) in colour", _TO_PNG),
    (rb"P7\s", "a portable arbitrary map (PAM)", _TO_PNG),
    (rb"DDS ", "a DirectDraw texture (DDS)", _TO_PNG),
    (rb"\xabKTX ", "a Khronos texture (KTX)", _TO_PNG),
    (rb"\0\0[\x01\x02]\0[^\0]\0", "an icon (ICO)", _TO_PNG),
    (rb"icns", "an icon (ICNS)", _TO_PNG),
    (rb"qoif", "QOI", _TO_PNG),
    (rb"FLIF", "FLIF", _TO_PNG),
    (rb"BPG\xfb", "BPG", _TO_PNG),
    (rb"\x8a[MJ]NG|\x8bJNG", "MNG", _TO_PNG),
    (rb"\x0a[\0\x02-\x05][\0\x01][\x01\x02\x04\x08]", "PCX", _TO_PNG),
    (rb"\x01\xda[\0\x01][\x01\x02]", "SGI", _TO_PNG),
    (rb"\x59\xa6\x6a\x95", "a Sun raster", _TO_PNG),
    (rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", "a Windows metafile", _TO_PNG),
    (rb"AT&TFORM", "DjVu", _TO_PNG),
    (rb"SIMPLE  =", "FITS", _TO_PNG),
    (rb".{128}DICM", "DICOM", _TO_PNG),
    (rb"%PDF", "a PDF document", _TO_PNG),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript", _TO_PNG),
    (rb".{4}ftypcrx ", "a raw photograph (CR3)", _TO_DEVELOP),
    (rb"FUJIFILMCCD-RAW", "a raw photograph (RAF)", _TO_DEVELOP),
    (rb"IIR[OS]\x08\0|MMOR\0", "a raw photograph (ORF)", _TO_DEVELOP),
    (rb"IIU\0", "a raw photograph (RW2)", _TO_DEVELOP),
    (rb"FOVb", "a raw photograph (X3F)", _TO_DEVELOP),
    (rb"\0MRM", "a raw photograph (MRW)", _TO_DEVELOP),
    (rb"II\x1a\0\0\0HEAPCCDR", "a raw photograph (CRW)", _TO_DEVELOP),
    (rb".{4}ftypM4A ", "a sound file", "not an image"),
    (rb".{4}(ftyp|moov|mdat|wide|free)", "a video", _TO_FRAMES),
    (rb"\x1aE\xdf\xa3|RIFF.{4}AVI |FLV\x01|OggS|\x30\x26\xb2\x75", "a video", _TO_FRAMES),
    (rb"\0\0\x01[\xb3\xba]|G.{187}G", "a video", _TO_FRAMES),
    (rb"ID3|fLaC|RIFF.{4}WAVE", "a sound file", "not an image"),
    (rb"PK\x03\x04|PK\x05\x06", "a zip archive", _TO_UNPACK),
    (rb"\x1f\x8b", "compressed with gzip,", _TO_UNPACK),
    (rb"BZh[1-9]1AY", "compressed with bzip2,", _TO_UNPACK),
    (rb"\xfd7zXZ\0", "compressed with xz,", _TO_UNPACK),
    (rb"\x28\xb5\x2f\xfd", "compressed with zstd,", _TO_UNPACK),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", _TO_UNPACK),
    (rb"Rar!\x1a\x07", "a rar archive", _TO_UNPACK),
    (rb".{257}ustar", "a tar archive", _TO_UNPACK),
    (rb"\x93NUMPY", "a NumPy array (npy)", _TO_GIVE_ALONE),
    (rb"PAR1", "a parquet file", _TO_GIVE_ALONE),
    (rb"\x89HDF\r\n", "an HDF5 file", "not an image; save its images as files or as .npz"),
    (rb"SQLite format 3", "a database", "not an image"),
    (rb"\0\x05\x16[\0\x07]", "what macOS keeps beside a file", "not an image; delete it"),
    (rb"version https://git-lfs", "a Git LFS pointer", "not an image; run `git lfs pull`"),
    (rb"\s*<(!doctype html|html|head|body|script)", "a web page (HTML)", _TO_DOWNLOAD),
    (rb"\s*(<\?xml.{0,2000}?|<!--.{0,2000}?)?(<!doctype )?<?svg", "SVG", _TO_PNG),
    (rb"\s*<\?xml", "XML", _TO_DOWNLOAD),
    (rb"\s*[{\[]\s*[\"{\[]", "JSON", _TO_DOWNLOAD),
)


def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL | re.IGNORECASE if b"<" in pattern else re.DOTALL)


_READABLE_PATTERNS = [(name, _compiled(pattern)) for name, pattern in _READABLE]
_UNREADABLE_PATTERNS = [
    (_compiled(pattern), f"{name.removesuffix(',')}, {advice}" if advice else name)
    for pattern, name, advice in _UNREADABLE
]
_BOM = b"\xef\xbb\xbf"  # some editors put it before text
_TEXT = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]{1,512}")


def readable_format(content: bytes) -> str | None:
    """Pillow's name of the format; None where it is none of those that are read."""
    for name, pattern in _READABLE_PATTERNS:
        if pattern.match(content):
            return name
    is_avif = content[4:8] == b"ftyp" and b"avif" in _compatible_brands(content)
    return "AVIF" if is_avif else None


def other_kind(content: bytes) -> str:
    """What a file is that is no readable image, and what to do about it."""
    start = content[:4096].removeprefix(_BOM)
    for pattern, reason in _UNREADABLE_PATTERNS:
        if pattern.match(start):
            return reason
    if not content.strip(b"\0"):
        return "only zero bytes; its content was never written, copy it again"
    if _TEXT.fullmatch(start[:512]) and start.isascii():
        return "not an image but text"
    return "not an image"


def _compatible_brands(content: bytes) -> list[bytes]:
    """The formats that an ISO media file says it follows."""
    end = min(int.from_bytes(content[:4], "big"), 512)
    return [content[8:12], *(content[start : start + 4] for start in range(16, end, 4))]
