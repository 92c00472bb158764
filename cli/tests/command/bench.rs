use crate::{assert_keys, dunlin, shipped};

#[test]
fn json_has_documented_fields() {
    let json = dunlin!("bench", shipped(), "--seconds", "0.05", "--json").json();
    let expected = [
        "model",
        "kernels",
        "runs",
        "min_us",
        "p50_us",
        "p90_us",
        "p99_us",
        "macs",
        "cold_start_us",
        "peak_memory_bytes",
        "planned_memory_bytes",
        "file_bytes",
    ];
    assert_keys(&json, &expected);
    let times = ["min_us", "p50_us", "p90_us", "p99_us"].map(|key| json[key].as_f64().expect("a number"));
    assert!(times.is_sorted() && times[0] > 0.0, "{times:?}");
    assert!(json["cold_start_us"].as_f64().is_some_and(|time| time > 0.0));
    assert_eq!(json["peak_memory_bytes"].is_u64(), cfg!(target_os = "linux"));
}

#[test]
fn people_see_times_and_memory() {
    let out = dunlin!("bench", shipped(), "--seconds", "0.05").success();
    assert!(["p50", "p99", "cold start", "peak memory"].iter().all(|words| out.contains(words)), "{out}");
}
