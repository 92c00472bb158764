"""Makes the repository in python/ with python-tuf: all kinds of keys, a threshold, delegations by pattern and by hashed path.

    python3 -m venv venv && venv/bin/pip install tuf==7.0.0 'securesystemslib[crypto]==1.4.0'
    venv/bin/python make.py python
    venv/bin/python make.py served sha256

With `sha256` every target has a digest of that kind, which a server of Dunlin finds files by. The keys are thrown away; times are over in 2099.
"""
import datetime
import hashlib
import pathlib
import sys

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

OUT = pathlib.Path(sys.argv[1])
SERVED = sys.argv[2:] == ["sha256"]
EXPIRES = datetime.datetime(2099, 1, 1, tzinfo=datetime.timezone.utc)


def write(name, data):
    path = OUT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def add(role, path, data):
    target = TargetFile.from_data(path, data, ["sha512"] if path.endswith(".512") and not SERVED else ["sha256", "sha512"])
    target.unrecognized_fields["custom"] = {"greeting": "grüß \"Gott\"\n\\", "numbers": [1, -2], "none": None, "yes": True}
    role.targets[path] = target
    folder, _, file = path.rpartition("/")
    digest = target.hashes.get("sha256", target.hashes["sha512"])
    write(f"targets/{folder}{'/' if folder else ''}{digest}.{file}", data)


def main():
    ed25519, rsa, ecdsa = CryptoSigner.generate_ed25519(), CryptoSigner.generate_rsa(), CryptoSigner.generate_ecdsa()
    roles = {"root": [ed25519, rsa, ecdsa], "targets": [rsa], "snapshot": [ecdsa], "timestamp": [ed25519]}
    delegate, hashed = CryptoSigner.generate_ed25519(), CryptoSigner.generate_ed25519()

    root = Root(expires=EXPIRES, consistent_snapshot=True)
    for role, signers in roles.items():
        for signer in signers:
            root.add_key(signer.public_key, role)
    root.roles["root"].threshold = 2

    targets, patterns, prefixes = Targets(expires=EXPIRES), Targets(expires=EXPIRES), Targets(expires=EXPIRES)
    add(targets, "plain.txt", b"made by python-tuf\n")
    add(targets, "dir/only.512", b"a digest of another kind\n")
    add(patterns, "dir/delegated.txt", b"delegated by pattern\n")
    add(prefixes, "hashed.txt", b"delegated by hashed path\n")
    prefix = hashlib.sha256(b"hashed.txt").hexdigest()[:4]
    targets.delegations = Delegations({}, {
        "patterns": DelegatedRole("patterns", [], 1, True, paths=["dir/*.txt"]),
        "prefixes": DelegatedRole("prefixes", [], 1, False, path_hash_prefixes=[prefix]),
    })
    targets.add_key(delegate.public_key, "patterns")
    targets.add_key(hashed.public_key, "prefixes")

    meta = {}
    for name, role, signers in [("targets", targets, [rsa]), ("patterns", patterns, [delegate]), ("prefixes", prefixes, [hashed])]:
        data = sign(role, signers)
        write(f"metadata/1.{name}.json", data)
        meta[f"{name}.json"] = MetaFile(1, len(data), {"sha256": hashlib.sha256(data).hexdigest()})
    snapshot = sign(Snapshot(expires=EXPIRES, meta=meta), [ecdsa])
    write("metadata/1.snapshot.json", snapshot)
    info = MetaFile(1, len(snapshot), {"sha512": hashlib.sha512(snapshot).hexdigest()})
    write("metadata/timestamp.json", sign(Timestamp(expires=EXPIRES, snapshot_meta=info), [ed25519]))
    write("metadata/1.root.json", sign(root, [ed25519, rsa]))
    root.version = 2
    write("metadata/2.root.json", sign(root, [rsa, ecdsa]))


def sign(signed, signers):
    metadata = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


main()
