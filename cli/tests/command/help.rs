use crate::dunlin;

const COMMANDS: [&str; 15] = [
    "classify",
    "compile",
    "calibrate",
    "inspect",
    "run",
    "eval",
    "bench",
    "keys",
    "publish",
    "promote",
    "hold",
    "rollback",
    "refresh",
    "status",
    "completions",
];

#[test]
fn every_command_has_help_with_examples() {
    for command in COMMANDS {
        let help = dunlin!(command, "--help").success();
        assert!(help.contains("Examples:") && help.contains(&format!("dunlin {command}")), "{help}");
    }
}

#[test]
fn the_root_lists_commands_and_exit_codes() {
    let help = dunlin!("--help").success();
    assert!(COMMANDS.iter().all(|command| help.contains(command)), "{help}");
    assert!(!help.contains("tuf-client"), "{help}");
    assert!(help.contains("Exit codes:") && help.contains("DUNLIN_ISA"), "{help}");
}

#[test]
fn versions_are_told() {
    assert!(dunlin!("--version").success().starts_with("dunlin "));
}

#[test]
fn a_wrong_command_line_is_code_2() {
    let wrong: [&[&str]; 8] = [
        &[],
        &["explode"],
        &["classify"],
        &["classify", "model.dunlin"],
        &["classify", "--top", "0", "cat.png"],
        &["compile", "model.onnx"],
        &["compile", "model.onnx", "-o", "x", "--fit", "stretch"],
        &["compile", "Cargo.toml", "-o", "x", "--std", "255"],
    ];
    for args in wrong {
        let error = crate::finish(crate::command(args)).failure(2);
        assert!(error.contains("--help"), "{error}");
    }
}

#[test]
fn shells_get_completions() {
    for (shell, sign) in [("bash", "complete"), ("zsh", "#compdef dunlin"), ("fish", "complete -c dunlin")] {
        assert!(dunlin!("completions", shell).success().contains(sign), "{shell}");
    }
}
