// Artifacts that differ from others in a section: docs/formats/artifact.md.
import { createHash } from "node:crypto";

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();

const RECORD = 64;
export const SECTION = { weights: 2, golden: 8, card: 9 };

/** The artifact with a section's bytes edited, or the section left out; all digests are right. */
export function edited(file, kind, edit) {
  const source = Buffer.from(file);
  const count = source.readUInt32LE(12);
  const sections = [];
  for (let index = 0; index < count; index++) {
    const at = RECORD * (1 + index);
    const [offset, length] = [Number(source.readBigUInt64LE(at + 8)), Number(source.readBigUInt64LE(at + 16))];
    const bytes = Buffer.from(source.subarray(offset, offset + length));
    const section = { kind: source.readUInt32LE(at), bytes };
    const changed = section.kind === kind ? edit(bytes) : bytes;
    if (changed) sections.push({ ...section, bytes: changed });
  }
  return written(source.subarray(0, 12), sections);
}

function written(head, sections) {
  const table = [];
  const parts = [];
  let end = RECORD * (1 + sections.length);
  for (const { kind, bytes } of sections) {
    const offset = Math.ceil(end / RECORD) * RECORD;
    const record = Buffer.alloc(RECORD);
    record.writeUInt32LE(kind);
    record.writeBigUInt64LE(BigInt(offset), 8);
    record.writeBigUInt64LE(BigInt(bytes.length), 16);
    sha256(bytes).copy(record, 32);
    table.push(record);
    parts.push(Buffer.alloc(offset - end), bytes);
    end = offset + bytes.length;
  }
  const header = Buffer.alloc(32);
  head.copy(header);
  header.writeUInt32LE(sections.length, 12);
  header.writeBigUInt64LE(BigInt(end), 16);
  return Buffer.concat([header, sha256(header, ...table), ...table, ...parts]);
}
