//! Where a server has what.

use alloc::format;
use alloc::string::String;

/// The server's metadata.
pub const fn server_path() -> &'static str {
    "/v2"
}

/// A model's metadata.
pub fn model_path(model: &str, version: Option<&str>) -> String {
    let model = segment(model);
    match version {
        Some(version) => format!("/v2/models/{model}/versions/{}", segment(version)),
        None => format!("/v2/models/{model}"),
    }
}

/// Whether a model is ready.
pub fn model_ready_path(model: &str, version: Option<&str>) -> String {
    format!("{}/ready", model_path(model, version))
}

/// Where a model is asked.
pub fn infer_path(model: &str, version: Option<&str>) -> String {
    format!("{}/infer", model_path(model, version))
}

/// A path's segment: what isn't unreserved is escaped, so that a name can't lead elsewhere.
fn segment(name: &str) -> String {
    // A name of dots alone is another folder, escaped or not: no model is called so, and the server won't find it.
    let dots = name.bytes().all(|byte| byte == b'.');
    let mut path = String::new();
    for byte in name.bytes() {
        match byte {
            b'.' if dots => path.push_str("%252E"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => path.push(char::from(byte)),
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_segment() {
        for (model, version, path) in [
            ("spam", None, "/v2/models/spam/infer"),
            ("spam", Some("2"), "/v2/models/spam/versions/2/infer"),
            ("a/../b?c#d e", None, "/v2/models/a%2F..%2Fb%3Fc%23d%20e/infer"),
            ("..", None, "/v2/models/%252E%252E/infer"),
            ("größe", None, "/v2/models/gr%C3%B6%C3%9Fe/infer"),
        ] {
            assert_eq!(infer_path(model, version), path);
        }
        assert_eq!(model_ready_path("m.1", None), "/v2/models/m.1/ready");
    }
}
