#!/usr/bin/env python3
"""Made the samples in this folder with Pillow 9.4: for every NAME.png/jpg/webp the RGB pixels that Pillow reads from it
(NAME.rgb, without header). Those in input/ were made with Pillow 13 by `make.py input`: NAME.rgba has the RGBA pixels,
turned upright."""
import pathlib
import struct
import sys
import zlib
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

HERE = pathlib.Path(__file__).resolve().parent
W, H = 19, 13


def pattern(w, h):
    """The same arithmetic as pattern() in tests/unit/test_image.c."""
    img = Image.new("RGB", (w, h))
    img.putdata([((x * 13 + y * 7) % 256, (x * x + 3 * y) % 256, (x * y * 5 + 40) % 256) for y in range(h) for x in range(w)])
    return img


def smooth(w, h):
    img = Image.new("RGB", (w, h))
    img.putdata([(x * 12 % 256, y * 18 % 256, (x + y) * 7 % 256) for y in range(h) for x in range(w)])
    return img


def save(name, img, **options):
    img.save(HERE / name, **options)
    rgb = Image.open(HERE / name)
    if rgb.mode == "I":
        rgb = Image.frombytes("L", rgb.size, bytes((v * 255 + 32895) >> 16 for v in rgb.getdata()))
    (HERE / name).with_suffix(".rgb").write_bytes(rgb.convert("RGB").tobytes())


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def save16(name, channels, transparent=None):
    """A PNG of 16 bits, which Pillow cannot write: value = level * 257, so that its 8 bits are exact."""
    rgba = pattern(W, H).convert("RGBA")
    rgba.putalpha(Image.linear_gradient("L").resize((W, H)))
    rows = b""
    for y in range(H):
        rows += b"\0" + b"".join(struct.pack(">H", v * 257) for x in range(W) for v in rgba.getpixel((x, y))[:channels])
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, 16, 6 if channels == 4 else 2, 0, 0, 0))
    if transparent:
        key = rgba.getpixel(transparent)[:3]
        data += chunk(b"tRNS", struct.pack(">HHH", *(v * 257 for v in key)))
        rgba.putdata([(*p[:3], 0 if p[:3] == key else 255) for p in rgba.getdata()])
    data += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (HERE / "input" / name).write_bytes(data)
    (HERE / "input" / name).with_suffix(".rgba").write_bytes(rgba.tobytes())


def inputs():
    """Pictures that people bring: orientation, transparency, 16 bits."""
    def keep(name, img, **options):
        path = HERE / "input" / name
        img.save(path, **options)
        path.with_suffix(".rgba").write_bytes(ImageOps.exif_transpose(Image.open(path)).convert("RGBA").tobytes())
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = turn
        keep("turned_%d.jpg" % turn, smooth(W, H), quality=95, subsampling=0, exif=exif)
    keep("turned_png.png", pattern(W, H), exif=exif)
    keep("turned_webp.webp", pattern(W, H), lossless=True, exif=exif)
    rgba = pattern(W, H).convert("RGBA")
    rgba.putalpha(Image.linear_gradient("L").resize((W, H)))
    keep("alpha.png", rgba)
    keep("alpha_grey.png", rgba.convert("LA"))
    keep("alpha_webp.webp", rgba, lossless=True, exact=True)
    keep("alpha_palette.png", pattern(W, H).quantize(200), transparency=3)
    save16("alpha_16.png", 4)
    save16("key_16.png", 3, (4, 5))


def samples():
    rgba = pattern(W, H).convert("RGBA")
    rgba.putalpha(Image.linear_gradient("L").resize((W, H)))
    save("rgba.png", rgba)
    save("grey.png", pattern(W, H).convert("L"))
    save("grey_alpha.png", rgba.convert("LA"))
    save("bits1.png", pattern(W, H).convert("1"))
    save("palette.png", pattern(W, H).quantize(16))
    save("palette_transparent.png", pattern(W, H).quantize(200), transparency=3)
    grey16 = Image.new("I", (W, H))
    grey16.putdata([(x * 3000 + y * 77) % 65536 for y in range(H) for x in range(W)])
    save("grey16.png", grey16)
    notes = PngInfo()
    notes.add_text("parameters", "a caf\u00e9, 2 lines\nSteps: 30")
    notes.add_itxt("kanji", "\u7d75 \U0001f3a8")
    notes.add_text("packed", "x" * 500, zip=True)
    save("texts.png", pattern(W, H), pnginfo=notes)
    save("grey.jpg".replace("grey", "jpeg_grey"), smooth(W, H).convert("L"), quality=90)
    save("jpeg_cmyk.jpg", smooth(W, H).convert("CMYK"), quality=95)
    save("jpeg_baseline.jpg", smooth(W, H), quality=90, subsampling=0)
    exif = Image.Exif()
    exif[0x9286] = "the prompt"
    exif[0x0131] = "Fooocus v2.5.5"
    exif[0x927C] = "fooocus"
    save("jpeg_exif.jpg", smooth(W, H), quality=95, optimize=True, progressive=True, exif=exif)
    save("webp_exif.webp", smooth(W, H), quality=95, lossless=False, exif=exif)
    smooth_alpha = smooth(W, H).convert("RGBA")
    smooth_alpha.putalpha(200)
    save("webp_alpha.webp", smooth_alpha, lossless=True, exact=True)


if sys.argv[1:] == ["input"]:
    inputs()
else:
    samples()
