//! What isn't supported, or is wrong, is an error that names its place.

use super::compiled;
use serde_json::{Value, json};

/// A small tokenizer that is fine.
fn fine() -> Value {
    json!({
        "normalizer": null,
        "pre_tokenizer": { "type": "WhitespaceSplit" },
        "model": { "type": "WordPiece", "unk_token": "u", "vocab": { "u": 0, "a": 1, "##b": 2 } },
    })
}

#[test]
fn a_small_tokenizer_is_read() {
    let section = compiled(fine().to_string().as_bytes()).expect("supported");
    assert_eq!(super::ids(&section, ["a abb  c"]), [[1, 1, 2, 2, 0]]);
}

#[test]
fn faults_name_their_place() {
    let bpe = |more: Value| {
        let mut model = json!({ "type": "BPE", "vocab": { "a": 0 }, "merges": [] });
        model.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        model
    };
    let split = |pattern: &str| json!({ "type": "Split", "pattern": { "Regex": pattern }, "behavior": "Isolated" });
    let cases = [
        ("model", json!({ "type": "WordLevel" }), "/model: model `WordLevel` isn't supported"),
        ("model", json!({ "type": "Unigram", "vocab": [["a"]] }), "/model/vocab/0: isn't a word and its score"),
        ("model", json!({ "type": "Unigram", "vocab": [["a", 0]], "unk_id": 1 }), "/model: `unk_id` isn't in"),
        ("model", bpe(json!({ "dropout": 0.1 })), "/model: `dropout` isn't supported"),
        ("model", bpe(json!({ "merges": [["a", "b"]] })), "/model/merges/0: `b` isn't in the vocabulary"),
        ("model", bpe(json!({ "unk_token": "b" })), "/model/unk_token: isn't in the vocabulary"),
        ("normalizer", json!({ "type": "ByteLevel" }), "/normalizer: normalizer `ByteLevel` isn't supported"),
        (
            "normalizer",
            json!({ "type": "Precompiled", "precompiled_charsmap": "AAAA" }),
            "/normalizer/precompiled_charsmap: is cut off",
        ),
        ("pre_tokenizer", json!({ "type": "UnicodeScripts" }), "/pre_tokenizer: pre-tokenizer `UnicodeScripts` isn't"),
        ("pre_tokenizer", json!({ "type": "ByteLevel" }), "/model: `ByteLevel` is supported before a BPE model alone"),
        ("pre_tokenizer", split("a*"), "/pre_tokenizer/pattern/Regex: the pattern matches where there is nothing"),
        ("pre_tokenizer", split("a++"), "/pre_tokenizer/pattern/Regex: repetition that isn't greedy isn't supported"),
        ("pre_tokenizer", split("(?<=a)b"), "/pre_tokenizer/pattern/Regex: the pattern has what isn't supported"),
        ("pre_tokenizer", split("(?!ab)c"), "/pre_tokenizer/pattern/Regex: the pattern looks further ahead"),
        ("pre_tokenizer", split("a)"), "/pre_tokenizer/pattern/Regex: the pattern has a `)` too much"),
        ("post_processor", json!({ "type": "Custom" }), "/post_processor: post-processor `Custom` isn't supported"),
        ("added_tokens", json!([{ "content": "a", "id": 7 }]), "/added_tokens/0: has another id"),
        ("truncation", json!({ "max_length": -1 }), "/truncation/max_length: isn't a number"),
        (
            "padding",
            json!({ "strategy": { "Fixed": 8 }, "direction": "Left" }),
            "/padding: fillers before a text aren't supported",
        ),
    ];
    for (part, value, expected) in cases {
        let mut file = fine();
        file[part] = value;
        let fault = compiled(file.to_string().as_bytes()).expect_err(expected);
        let said = format!("{}: {}", fault.path, fault.why);
        assert!(said.starts_with(expected), "{said}");
    }
    let fault = compiled(b"{").expect_err("no JSON");
    assert_eq!(fault.path, "/");
}
