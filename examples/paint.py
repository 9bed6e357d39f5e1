#!/usr/bin/env python3
"""Paints from Python, with nothing but ctypes: paint.py LIBRARY prompt "a fox" model sdxl.safetensors ...
Lists the settings, keeps the picture in memory, writes it as PPM itself, and ends the second picture early."""
import ctypes as c
import sys

STEP, IMAGE, RUN, STOP = 1, 3, 0, 2


class Err(c.Structure):
    _fields_ = [("status", c.c_int), ("message", c.c_char * 500)]


class Event(c.Structure):
    _fields_ = [("kind", c.c_int), ("text", c.c_char_p), ("image", c.c_int32), ("images", c.c_int32),
                ("step", c.c_int32), ("steps", c.c_int32), ("fraction", c.c_double), ("seconds_left", c.c_double),
                ("rgb", c.POINTER(c.c_uint8)), ("width", c.c_int32), ("height", c.c_int32), ("path", c.c_char_p),
                ("seed", c.c_uint64), ("metadata", c.c_char_p)]


ON_EVENT = c.CFUNCTYPE(None, c.c_void_p, c.POINTER(Event))


class Hooks(c.Structure):
    _fields_ = [("size", c.c_size_t), ("user", c.c_void_p), ("on_event", ON_EVENT),
                ("want_preview", c.POINTER(c.c_int)), ("memory_only", c.c_int)]


class Setting(c.Structure):
    _fields_ = [("size", c.c_size_t), ("name", c.c_char_p), ("flag", c.c_char_p), ("kind", c.c_char_p),
                ("group", c.c_char_p), ("help", c.c_char_p), ("lowest", c.c_double), ("highest", c.c_double),
                ("step", c.c_double)]


def load(path):
    fc = c.CDLL(path)
    fc.fc_request_new.restype = c.c_void_p
    fc.fc_version.restype = fc.fc_choice_at.restype = fc.fc_backend_at.restype = c.c_char_p
    fc.fc_engine_cancel.argtypes = [c.c_void_p, c.c_int]
    return fc


def check(status, err):
    if status:
        sys.exit(err.message.decode())


def settings(fc):
    setting, index = Setting(size=c.sizeof(Setting)), 0
    while fc.fc_setting_at(c.c_size_t(index), c.byref(setting)):
        yield setting.name.decode(), setting.kind.decode()
        index += 1


def main():
    fc, err, engine = load(sys.argv[1]), Err(), c.c_void_p()
    known = dict(settings(fc))
    print(f"fooocus {fc.fc_version().decode()}, {len(known)} settings, backend {fc.fc_backend_at(c.c_size_t(0)).decode()}")
    request = c.c_void_p(fc.fc_request_new())
    for name, value in zip(sys.argv[2::2], sys.argv[3::2]):
        check(fc.fc_request_set(request, name.encode(), value.encode(), c.byref(err)), err)
    check(fc.fc_engine_open(None, c.byref(engine), c.byref(err)), err)
    text = c.create_string_buffer(100)
    check(fc.fc_request_get(request, b"sampler", c.c_size_t(0), text, c.c_size_t(len(text)), c.byref(err)), err)
    print(f"sampler {text.value.decode()}")

    def on_event(_, event):
        e = event.contents
        if e.kind == IMAGE and not e.path:
            with open("fox.ppm", "wb") as file:
                file.write(b"P6 %d %d 255\n" % (e.width, e.height) + bytes(e.rgb[:e.width * e.height * 3]))
            print(f"picture {e.image} of {e.images}: fox.ppm")
        if e.kind == STEP and e.image == 2:
            fc.fc_engine_cancel(engine, STOP)

    hooks = Hooks(size=c.sizeof(Hooks), on_event=ON_EVENT(on_event), memory_only=1)
    status = fc.fc_generate(engine, request, c.byref(hooks), c.byref(err))
    print(err.message.decode() if status else "done")
    fc.fc_request_free(request)
    fc.fc_engine_close(engine)


if __name__ == "__main__":
    main()
