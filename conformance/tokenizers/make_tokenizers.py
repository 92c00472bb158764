"""Trains small tokenizers, and writes down the ids that the `tokenizers` library gives with them.

    python make_tokenizers.py DATA [MODELS]

DATA holds `language_id/*.txt` and `sms/SMSSpamCollection`; MODELS the `tokenizer.json` of a published model, if it is to
be among those with digests. Writes `tokenizers.zip`, `ids.json` and `digests.json` beside this file. README.md says what is in them.
"""

import base64
import copy
import hashlib
import io
import json
import pathlib
import struct
import sys

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from generated import generated
from hard import HARD

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from fixture_zip import FixtureZip  # noqa: E402

SIZE = 8000
GPT4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def train(tokenizer, trainer, lines):
    tokenizer.train_from_iterator(lines, trainer)
    return json.loads(tokenizer.to_str())


def wordpiece(lines):
    """As BERT."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made = train(tokenizer, trainers.WordPieceTrainer(vocab_size=SIZE, special_tokens=special, show_progress=False), lines)
    made["post_processor"] = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
    made["truncation"] = {"direction": "Right", "max_length": 64, "strategy": "LongestFirst", "stride": 0}
    return made


def parts(wordpiece):
    """The same vocabulary behind other normalizers and pre-tokenizers, with added tokens of all kinds."""
    made = copy.deepcopy(wordpiece)
    made["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            {"type": "Nmt"},
            {"type": "NFKD"},
            {"type": "StripAccents"},
            {"type": "Replace", "pattern": {"Regex": "([.!?]) {2,}|\\.{3}"}, "content": " . "},
            {"type": "Replace", "pattern": {"String": "&amp;"}, "content": "&"},
            {"type": "Strip", "strip_left": True, "strip_right": True},
            {"type": "Lowercase"},
        ],
    }
    made["pre_tokenizer"] = {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"String": "--"}, "behavior": "MergedWithNext", "invert": False},
            {"type": "Whitespace"},
            {"type": "Digits", "individual_digits": False},
            {"type": "Punctuation", "behavior": "MergedWithPrevious"},
            {"type": "CharDelimiterSplit", "delimiter": "_"},
            {"type": "Split", "pattern": {"Regex": "[aeiou]{2,3}"}, "behavior": "Contiguous", "invert": True},
        ],
    }
    token = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    wanted = [
        {"content": "<left>", "lstrip": True},
        {"content": "<right>", "rstrip": True},
        {"content": "<both>", "lstrip": True, "rstrip": True},
        {"content": "solo", "single_word": True},
        {"content": "Ｗide", "normalized": True},
        {"content": "<le", "normalized": True},
    ]
    first = len(made["model"]["vocab"])
    made["added_tokens"] += [{"id": first + i, **token, **entry} for i, entry in enumerate(wanted)]
    made["post_processor"] = None
    made["truncation"] = {"direction": "Left", "max_length": 32, "strategy": "LongestFirst", "stride": 0}
    made["model"]["max_input_chars_per_word"] = 20
    return made


def unigram(lines):
    """As ALBERT: one character for a space, and scores of 64 bits."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=SIZE, special_tokens=["<unk>", "<pad>", "</s>"], unk_token="<unk>", show_progress=False
    )
    made = train(tokenizer, trainer, lines)
    made["post_processor"] = json.loads(
        processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)]).__getstate__()
    )
    return made


def charsmap(lines):
    """As T5 and XLM-R, with bytes for what is unknown; SentencePiece's scores, of 32 bits, and its character map `nmt_nfkc`."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        vocab_size=SIZE,
        character_coverage=0.9995,
        normalization_rule_name="nmt_nfkc",
        byte_fallback=True,
        num_threads=1,
        minloglevel=2,
    )
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    map_ = base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()
    tokenizer = Tokenizer(models.Unigram([(piece.piece, piece.score) for piece in proto.pieces], 0, True))
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    made = json.loads(tokenizer.to_str())
    made["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": map_}
    made["pre_tokenizer"] = json.loads(
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]).__getstate__()
    )
    return made


def byte_level(lines):
    """As GPT-2 and RoBERTa."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made = train(tokenizer, trainer, lines)
    made["post_processor"] = {
        "type": "RobertaProcessing",
        "sep": ["</s>", 2],
        "cls": ["<s>", 0],
        "trim_offsets": True,
        "add_prefix_space": True,
    }
    return made


def gpt4(lines):
    """As cl100k and Llama 3: another pattern, and whole pieces before merges."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    split = pre_tokenizers.Split(Regex(GPT4), "isolated")
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    return train(tokenizer, trainer, lines)


def llama(lines):
    """As Llama 2: characters, no splitting at all, and bytes for what is unknown."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE, special_tokens=["<unk>", "<s>", "</s>", *BYTES], limit_alphabet=1000, show_progress=False
    )
    made = train(tokenizer, trainer, lines)
    made["added_tokens"] = [token for token in made["added_tokens"] if token["content"] not in BYTES]
    made["pre_tokenizer"] = None
    made["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ],
    }
    made["post_processor"] = json.loads(
        processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)]).__getstate__()
    )
    return made


def suffix(lines):
    """As CLIP: a mark at the end of words, unknown characters that aren't fused, a pattern that counts letters."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase()])
    split = pre_tokenizers.Split(Regex(r"'s|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"), "removed", invert=True)
    tokenizer.pre_tokenizer = split
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE, special_tokens=["<unk>"], end_of_word_suffix="</w>", limit_alphabet=600, show_progress=False
    )
    return train(tokenizer, trainer, lines)


def lines_of(path):
    lines = path.read_text(encoding="utf-8").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def encoder(file):
    tokenizer = Tokenizer.from_str(file)
    # Fillers are the model's affair, and not made here.
    tokenizer.no_padding()
    return lambda texts: [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]


def digest(rows):
    """SHA-256 of all ids as little-endian words, with -1 behind each text's."""
    sha = hashlib.sha256()
    for ids in rows:
        sha.update(struct.pack(f"<{len(ids) + 1}i", *ids, -1))
    return sha.hexdigest()


def main(data, models_=None):
    languages = sorted(data.glob("language_id/*.txt"))
    lines = [line for path in languages for line in lines_of(path)]
    made = {"wordpiece": wordpiece(lines), "unigram": unigram(lines), "charsmap": charsmap(lines)}
    made |= {"byte_level": byte_level(lines), "gpt4": gpt4(lines), "llama": llama(lines), "suffix": suffix(lines)}
    made["parts"] = parts(made["wordpiece"])
    files = {name: json.dumps(made[name], ensure_ascii=False, separators=(",", ":")) for name in sorted(made)}
    with FixtureZip(HERE / "tokenizers.zip") as archive:
        for name, file in files.items():
            archive.add(f"{name}.json", file.encode())
    if models_:
        files["minilm"] = (models_ / "tokenizer.json").read_text(encoding="utf-8")
    ids, digests = {}, {}
    for name, file in files.items():
        encode = encoder(file)
        if name != "minilm":
            ids[name] = encode(HARD)
        digests[name] = {"generated": digest(encode(generated()))}
        for path in [*languages, data / "sms/SMSSpamCollection"]:
            digests[name][path.stem] = digest(encode(lines_of(path)))
        print(name, flush=True)
    rows = ",\n".join(
        f' {json.dumps(text)}: {json.dumps({name: ids[name][i] for name in ids})}' for i, text in enumerate(HARD)
    )
    (HERE / "ids.json").write_text("{\n" + rows + "\n}\n")
    (HERE / "digests.json").write_text(json.dumps(digests, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:]))
