//! No command of a page goes unrun without saying so, and what prose names in passing exists.

use std::collections::BTreeSet;
use std::process::Command;

use crate::page::{all, root, run_elsewhere};

#[test]
fn every_block_is_of_a_known_language_and_hides_no_command() {
    for page in all() {
        for block in &page.blocks {
            let place = format!("{}:{}", page.name, block.line);
            let known = block.is_commands() || ["text", "toml", "promql"].contains(&block.language.as_str());
            let known = known || block.is_example();
            assert!(known, "{place}: {:?} is neither run nor known to hold no command", block.language);
            let hidden = block.text.lines().find(|line| !block.is_commands() && line.starts_with("$ "));
            assert_eq!(hidden, None, "{place}: a command in a block that is not run");
        }
    }
}

/// So that what is shown of a program is what `tests/clients.rs` runs.
#[test]
fn every_program_that_a_page_shows_in_part_stands_in_an_example_word_for_word() {
    let mut programs = String::new();
    for folder in ["examples", "examples/node", "examples/go"] {
        let entries = std::fs::read_dir(root().join(folder)).expect("it is there").map(|entry| entry.expect("a file"));
        for file in entries.map(|entry| entry.path()).filter(|path| path.is_file()) {
            programs += &std::fs::read_to_string(file).expect("a program is text");
        }
    }
    let mut seen = 0;
    for page in all() {
        for block in page.blocks.iter().filter(|block| block.is_example()) {
            seen += 1;
            assert!(programs.contains(&block.text), "{}:{}: in no example:\n{}", page.name, block.line, block.text);
        }
    }
    assert!(seen > 1, "the programs are not found any more");
}

#[test]
fn what_the_tests_do_not_run_is_this_and_no_more() {
    let mut not_run = Vec::new();
    for page in all() {
        for block in page.blocks.iter().filter(|block| block.is_commands()) {
            for (file, line) in run_elsewhere(block).unwrap_or_default() {
                let text = std::fs::read_to_string(root().join(file)).expect("the file is there");
                assert!(text.lines().any(|other| other == *line), "{file} does not run the commands of {}", page.name);
            }
            if let Some(why) = &block.not_run {
                assert!(!why.is_empty(), "{}:{}: no reason", page.name, block.line);
                not_run.push((page.name.clone(), block.text.lines().next().unwrap_or_default().to_owned()));
            }
        }
    }
    let not_run: Vec<(&str, &str)> = not_run.iter().map(|(page, line)| (page.as_str(), line.as_str())).collect();
    assert_eq!(not_run, NOT_RUN);
}

/// `presignd find -` in a table is no command to paste, but the verb and the flags are there.
#[test]
fn every_command_named_in_passing_exists() {
    let mut seen = 0;
    for page in all() {
        for aside in &page.asides {
            let Some(rest) = aside.strip_prefix("presignd ") else { continue };
            seen += 1;
            let words: Vec<&str> = rest.split_whitespace().collect();
            let is_verb = |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase());
            let verbs: Vec<&str> = words.iter().take_while(is_verb).copied().collect();
            let help = help(&verbs).unwrap_or_else(|| panic!("{}: no such verb: {aside}", page.name));
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                let name = flag.split('=').next().unwrap_or(flag);
                let has = help.split_whitespace().any(|word| word.trim_matches([',', ';']) == name);
                assert!(has, "{}: no such flag: {aside}", page.name);
            }
        }
    }
    assert!(seen > 2, "the commands are not found any more");
}

#[test]
fn every_step_that_a_page_names_is_one_of_scripts_test() {
    let listed = Command::new(root().join("scripts/test")).arg("--list").output().expect("bash runs it");
    let listed = String::from_utf8(listed.stdout).expect("names are text");
    let steps: BTreeSet<&str> = listed.lines().collect();
    assert!(steps.contains("rust"), "{steps:?}");
    let contributing = std::fs::read_to_string(root().join("CONTRIBUTING.md")).expect("it is there");
    let named =
        contributing.split("--only ").skip(1).map(|rest| rest.split(['#', '`', '\n']).next().unwrap_or_default());
    let named: Vec<&str> = named.flat_map(str::split_whitespace).collect();
    assert!(!named.is_empty(), "CONTRIBUTING.md does not show how to run one step");
    let unknown: Vec<_> = named.iter().filter(|step| !steps.contains(**step)).collect();
    assert!(unknown.is_empty(), "no such steps: {unknown:?}");
}

#[test]
fn every_mutation_of_the_promises_still_fits_the_code() {
    let output = Command::new(root().join("scripts/mutants")).arg("--check").output().expect("python3 runs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// The help of a verb; `None` when there is no such verb.
fn help(verbs: &[&str]) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_presignd")).args(verbs).arg("--help").output().expect("it starts");
    output.status.success().then(|| String::from_utf8(output.stdout).expect("help is text"))
}

/// Page and first line of every block that carries `*Not run by the tests:`.
const NOT_RUN: &[(&str, &str)] = &[
    ("README.md", "cargo build --release"),
    ("README.md", "python3 -m pip install grpcio-tools"),
    ("docs/clients.md", "python3 -m pip install './clients/python[boto3]'"),
    ("docs/clients.md", "(cd clients/node && npm install && npm pack)"),
    ("docs/clients.md", "module=example.org/app"),
    ("docs/install-kubernetes.md", "scripts/image --push registry.example/presignd"),
    (
        "docs/install-kubernetes.md",
        "helm install presignd helm/presignd --namespace signing --create-namespace --values values.yaml",
    ),
    ("docs/install-kubernetes.md", "cat >files.yaml <<'END'"),
    (
        "docs/install-kubernetes.md",
        "kubectl --namespace signing exec POD --container presignd -- presignd registry backup /var/lib/presignd/backup.db",
    ),
    ("docs/install-systemd.md", "systemctl disable --now presignd.socket presignd-admin.socket presignd.service"),
    (
        "docs/leaked-url.md",
        "aws s3api get-bucket-policy --region us-east-1 --bucket photos --query Policy --output text >policy.json",
    ),
    ("docs/promises.md", "scripts/mutants"),
    ("docs/release.md", "version=$(sed -n 's/^version = \"\\(.*\\)\"/\\1/p' Cargo.toml | head -n 1)"),
    ("docs/rotate-a-key.md", "aws iam create-access-key --user-name store >new-key.json"),
    ("docs/rotate-a-key.md", "aws iam get-access-key-last-used --access-key-id \"$old\""),
    (
        "docs/rotate-a-key.md",
        "aws iam update-access-key --user-name store --access-key-id \"$old\" --status Active   # brings every link back that has not ended",
    ),
    ("docs/rotate-a-key.md", "aws iam delete-access-key --user-name store --access-key-id \"$old\""),
    ("docs/upgrade.md", "apt-mark hold presignd   # once"),
];
