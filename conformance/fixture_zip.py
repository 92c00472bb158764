"""A zip writer whose output depends on nothing but its entries."""

import json
import zipfile


class FixtureZip:
    """Collects entries and writes them sorted by name, deflated, with a fixed time and fixed permissions."""

    EPOCH = (1980, 1, 1, 0, 0, 0)
    UNIX = 3

    def __init__(self, path):
        self._path = path
        self._entries = {}

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self._write()

    def add(self, name, data):
        if name in self._entries:
            raise ValueError(f"entry {name} exists twice")
        self._entries[name] = data

    def add_json(self, name, value):
        self.add(name, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode())

    def _write(self):
        with zipfile.ZipFile(self._path, "w") as archive:
            for name in sorted(self._entries):
                info = zipfile.ZipInfo(name, self.EPOCH)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.create_system = self.UNIX
                info.external_attr = 0o644 << 16
                archive.writestr(info, self._entries[name], compresslevel=9)
