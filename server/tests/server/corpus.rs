//! What fuzzing has found worth keeping, and each beginning of it.

use std::path::Path;

use dunlin_server::foreign;

#[test]
fn the_corpus_of_files_of_others_is_taken_or_refused() {
    for (target, read) in
        [("label_studio", foreign::label_studio as fn(&[u8])), ("cloud_config", foreign::cloud_config)]
    {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        let files = std::fs::read_dir(&corpus).expect("a corpus").map(|file| file.expect("a file").path());
        let inputs: Vec<Vec<u8>> = files.map(|path| std::fs::read(path).expect("readable")).collect();
        assert!(inputs.len() > 4, "{target}");
        for input in &inputs {
            read(input);
            for end in (0..input.len()).step_by(7) {
                read(&input[..end]);
            }
        }
    }
}
