#!/usr/bin/env python3
"""Made the samples in this folder with Pillow 9.4: for every NAME.png/jpg/webp the RGB pixels that Pillow reads from it
(NAME.rgb, without header)."""
import pathlib
from PIL import Image
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
