//! Fleets in simulated time, with the real program.

use serde_json::Value;

use crate::{assert_keys, dunlin, file, folder};

/// Runs a simulation with options in one line.
fn simulate(options: &str) -> crate::Finished {
    crate::finish(crate::command(std::iter::once("simulate").chain(options.split_whitespace())))
}

/// Nothing goes wrong but what the test is about.
const SMOOTH: &str = "--loss 0% --restarts 0% --offline 0% --poisoned 0%";

/// A release of a record.
fn release(record: &Value, version: u64) -> &Value {
    let mut releases = record["releases"].as_array().expect("releases").iter();
    releases.find(|release| release["version"] == version).expect("a release of that version")
}

/// Devices that took a release back, by reason.
fn back(release: &Value) -> Vec<(&str, u64)> {
    let back = release["back"].as_array().expect("reasons").iter();
    back.map(|back| (back["reason"].as_str().expect("a name"), back["devices"].as_u64().expect("a number"))).collect()
}

#[test]
fn drift_is_found_within_two_windows_and_a_bad_release_comes_back_from_its_share() {
    let record = simulate(
        "--devices 300 --days 12 --drift at=9,share=0.6 --bad-model at=1 --rollout 30%,100% --soak 2 --epsilon 10 --metrics 5 --json",
    )
    .json();
    let alerts = record["alerts"].as_array().expect("alerts");
    assert!(alerts.iter().all(|alert| alert["window"].as_u64() >= Some(9)), "{alerts:#?}");
    let detection = &record["detection"];
    assert!(detection["delay_windows"].as_u64().is_some_and(|delay| delay <= 2), "{detection}");
    assert!(detection["false_alarms"] == 0 && detection["quiet"].as_u64() > Some(40), "{detection}");

    // The bad one goes to about 90 devices, of which none keeps it.
    let bad = release(&record, 2);
    let taken = bad["taken"].as_u64().expect("a number");
    assert!((50..=130).contains(&taken) && bad["serving"] == 0, "{bad}");
    assert_eq!(back(bad).iter().map(|(_, devices)| devices).sum::<u64>(), taken, "{bad}");
    let agreement = back(bad).into_iter().find(|(reason, _)| *reason == "agreement").map_or(0, |(_, devices)| devices);
    assert!(agreement * 10 >= taken * 9, "{bad}");
    let acts: Vec<String> = record["publisher"]
        .as_array()
        .expect("a log")
        .iter()
        .map(|entry| format!("{} {}", entry["act"].as_str().unwrap_or_default(), entry["version"]))
        .collect();
    assert_eq!(acts, ["published 1", "published 2", "rolled_back 2", "published 3", "promoted 3"]);

    // Everyone is on the repaired one, but who is away, or takes it for a bad one because of what came at the same time.
    let good = release(&record, 3);
    assert!(good["serving"].as_u64() > Some(285), "{good}");
    let last = record["days"].as_array().expect("days").last().expect("a day");
    assert_eq!((&last["versions"]["3"], last["versions"].get("2")), (&good["serving"], None));
}

#[test]
fn loss_and_programs_that_end_change_nothing_in_the_end() {
    let story = "--devices 120 --days 11 --bad-model at=1,kind=load --rollout 40%,100% --soak 2 --json";
    let smooth = simulate(&format!("{story} {SMOOTH}")).json();
    assert_eq!(release(&smooth, 3)["serving"], 120);
    assert_eq!((&smooth["total"]["lost"], &smooth["total"]["ends"]), (&0.into(), &0.into()));
    let rough = simulate(&format!("{story} --loss 15% --restarts 15% --offline 0% --poisoned 0%")).json();
    assert!(rough["total"]["lost"].as_u64() > Some(500) && rough["total"]["ends"].as_u64() > Some(100));
    // What is lost on the way back is sent again, and counted once: a summary for each device and day but the last.
    assert!(rough["total"]["repeated"].as_u64() > Some(20), "{}", rough["total"]);
    for record in [&smooth, &rough] {
        let counted = record["total"]["counted"].as_u64().expect("a number");
        assert!((1100..=1200).contains(&counted), "{counted}");
    }
    // A program that ends twice while it starts a model blames it: such a device tries it again a week later.
    let good = release(&rough, 3);
    let blamed: u64 = back(good).iter().map(|(_, devices)| devices).sum();
    assert!(back(good).iter().all(|(reason, _)| *reason == "crash") && blamed < 4, "{good}");
    assert!(good["serving"].as_u64().is_some_and(|serving| serving + blamed >= 120), "{good}");
    assert_eq!(release(&rough, 2)["serving"], 0);
}

#[test]
fn each_kind_of_a_bad_release_has_its_reason() {
    for kind in ["crash", "load", "golden", "latency", "fallback", "agreement"] {
        let options = format!(
            "--devices 40 --days 4 --bad-model at=1,kind={kind} --rollout 50%,100% --canary inputs=10 --json {SMOOTH}"
        );
        let record = simulate(&options).json();
        let bad = release(&record, 2);
        let (taken, back) = (bad["taken"].as_u64().expect("a number"), back(bad));
        assert!((8..=32).contains(&taken) && bad["serving"] == 0, "{kind}: {bad}");
        assert_eq!(back, [(kind, taken)], "{kind}");
    }
}

#[test]
fn what_devices_are_not_asked_to_look_at_the_server_finds() {
    // No canary would ever take it back, and no step of the rollout comes before the end.
    let record = simulate(&format!(
        "--devices 300 --days 9 --bad-model at=1 --rollout 80%,100% --soak 30 --epsilon 10 --metrics 7 --canary inputs=10000,agreement=0 --json {SMOOTH}"
    ))
    .json();
    let log: Vec<(&str, u64, &str)> = record["publisher"]
        .as_array()
        .expect("a log")
        .iter()
        .map(|entry| {
            let text = |field: &str| entry[field].as_str().expect("text");
            (text("act"), entry["version"].as_u64().expect("a number"), text("why"))
        })
        .collect();
    assert!(
        matches!(log[..], [("published", 1, _), ("published", 2, _), ("held", 2, _), ("rolled_back", 2, why), ..] if why.contains("roll_back")),
        "{log:?}"
    );
    let alerts = record["alerts"].as_array().expect("alerts");
    assert!(
        !alerts.is_empty() && alerts.iter().all(|alert| alert["cause"] == "release" && alert["version"] == 2),
        "{alerts:#?}"
    );
    let bad = release(&record, 2);
    assert_eq!(
        (back(bad), &bad["serving"]),
        (vec![("withdrawn", bad["taken"].as_u64().expect("a number"))], &0.into())
    );
}

#[test]
fn a_seed_gives_the_same_bytes_wherever_the_data_are_and_another_gives_others() {
    let folder = folder();
    let options = "--devices 60 --days 6 --drift at=3,share=0.5,cohort=en --bad-model at=1 --rollout 20%,100%";
    let run = |seed: u32, plot: &str, more: &[&str]| {
        let mut command = crate::command(std::iter::once("simulate").chain(options.split_whitespace()));
        command.args(["--seed", &seed.to_string(), "--plot", plot]).args(more).current_dir(folder.path());
        let out = crate::finish(command).success();
        (out, std::fs::read_to_string(folder.path().join(plot)).expect("a picture"))
    };
    let first = run(1, "a.svg", &[]);
    assert_eq!(first, run(1, "b.svg", &[]));
    assert_eq!(first, run(1, "c.svg", &["--data", "data"]));
    assert_ne!(first.0, run(2, "d.svg", &[]).0);
    assert!(folder.path().join("data/dunlin.sqlite").exists());
    for words in ["What happened", "version 2 goes to 20.0 %", "locale:en are of another kind", "false alarms: 0"] {
        assert!(first.0.contains(words), "'{words}' isn't in:\n{}", first.0);
    }
    assert!(first.1.contains("drift begins") && first.1.contains("version 2, bad: agreement"), "{}", first.1);
    // What a folder has is never mixed with a simulation.
    let mut again = crate::command(["simulate", "--days", "2", "--data", "data"]);
    again.current_dir(folder.path());
    crate::finish(again).sentence(1, &["data", "empty", "--data"]);
}

#[test]
fn the_record_has_a_version_and_these_fields() {
    let record = simulate("--devices 5 --days 2 --json").json();
    assert_eq!(record["version"], 1);
    assert_keys(
        &record,
        &["version", "asked", "model", "publisher", "releases", "alerts", "detection", "days", "total"],
    );
    assert_eq!((&record["model"]["name"], &record["model"]["baseline"]), (&"built-in".into(), &"made_up".into()));
    assert_keys(&record["model"], &["name", "bytes", "metrics", "baseline"]);
    let texts =
        dunlin!("simulate", "--devices=5", "--days=2", "--json", "--model", file("models/sms_spam/sms_spam.dunlin"));
    let texts = texts.json();
    assert_eq!((&texts["model"]["metrics"], &texts["model"]["baseline"]), (&10.into(), &"measured".into()));
    let detection = ["window", "delay_windows", "raised", "compared", "quiet", "false_alarms"];
    assert_keys(&record["detection"], &detection);
    let day = &record["days"].as_array().expect("days")[1];
    let traffic = ["requests", "lost", "sent_bytes", "received_bytes", "counted", "repeated", "refused"];
    let of_day = ["day", "versions", "inputs", "ends", "compared", "suspect", "certainty"];
    assert_keys(day, &[&of_day[..], &traffic[..]].concat());
}

#[test]
fn what_is_wrong_is_named_with_what_to_do() {
    let help = dunlin!("simulate", "--help").success();
    assert!(help.contains("Examples:") && help.contains("--drift at=15,share=0.2 --bad-model at=10"), "{help}");
    for (options, words) in [
        ("--drift at=15", ["share", "0.2"]),
        ("--drift share=0.2", ["at", "at=15"]),
        ("--drift at=soon,share=0.2", ["at", "at=15"]),
        ("--drift at=15,share=20%", ["share", "0.2"]),
        ("--drift at=15,share=0.2,cohort=it", ["cohort", "de, en, fr"]),
        ("--drift at=15,share=0.2,size=3", ["'size'", "at, share, cohort"]),
        ("--bad-model at=3,kind=ugly", ["kind", "agreement"]),
        ("--rollout 5%,2%", ["shares", "100%"]),
        ("--epsilon 11", ["0.01", "10"]),
        ("--loss 2", ["percent", "5%"]),
    ] {
        let error = simulate(options).failure(2);
        assert!(words.iter().all(|word| error.contains(word)), "{options}: {error}");
    }
    simulate("--days 10 --drift at=10,share=0.2").sentence(1, &["--drift at=10", "the last day, 9", "--days"]);
    simulate("--days 10 --bad-model at=12").sentence(1, &["--bad-model at=12", "--days"]);
    simulate("--model none.dunlin").sentence(1, &["none.dunlin", "no such file"]);
    dunlin!("simulate", "--model", file("models/cifar10/labels.txt")).failure(3);
    dunlin!("simulate", "--model", file("docs/formats/vectors/good_bag.dunlin"))
        .sentence(1, &["baseline", "dunlin calibrate"]);
}
