"""Reads a repository that `dunlin publish` made, with python-tuf's client, and fetches all its targets.

    python3 -m venv venv && venv/bin/pip install tuf==7.0.0 'securesystemslib[crypto]==1.4.0'
    venv/bin/python read.py REPOSITORY

Prints how many targets it has fetched and what their releases are; fails where python-tuf does.
"""
import json
import pathlib
import sys
import tempfile

from tuf.api.metadata import Metadata
from tuf.ngclient import FetcherInterface, Updater
from tuf.api.exceptions import DownloadHTTPError


class Folder(FetcherInterface):
    """A server that is a folder."""

    def __init__(self, folder):
        self.folder = folder

    def _fetch(self, url):
        path = self.folder / url.removeprefix("folder:///")
        if not path.is_file():
            raise DownloadHTTPError(url, 404)
        yield path.read_bytes()


def main():
    folder = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as state, tempfile.TemporaryDirectory() as downloads:
        first = (folder / "metadata/1.root.json").read_bytes()
        updater = Updater(state, "folder:///metadata/", downloads, "folder:///targets/", Folder(folder), bootstrap=first)
        updater.refresh()
        targets = Metadata.from_file(f"{state}/targets.json").signed.targets
        for path in sorted(targets):
            target = updater.get_targetinfo(path)
            updater.download_target(target)
            custom = target.unrecognized_fields.get("custom", {})
            print(path, target.length, json.dumps(custom.get("rollout")))
        print(f"{len(targets)} targets; root version {Metadata.from_file(f'{state}/root.json').signed.version}")


main()
