//! docs/cli.md shows the help of every verb word for word.

use std::process::Command;

fn help(verb: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_presignd")).env_clear().args(verb).arg("--help").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The verbs that the help of `verb` lists.
pub(crate) fn verbs(verb: &[&str]) -> Vec<String> {
    let help = help(verb);
    let listed = help.split("Commands:\n").nth(1).unwrap_or_default();
    let lines = listed.lines().take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
}

/// What all kinds of events take is shown once, apart from what each takes for itself.
fn shown_apart(verb: &[&str], help: &str) -> Vec<String> {
    match (verb, help.split_once("\nWhich URLs:\n")) {
        (["impact", _], Some((own, all))) => vec![own.to_owned(), format!("Which URLs:\n{all}")],
        _ => vec![help.to_owned()],
    }
}

#[test]
fn the_document_shows_every_verb_with_its_flags() {
    let document = std::fs::read_to_string("docs/cli.md").unwrap();
    let mut all: Vec<Vec<String>> = vec![vec![]];
    let mut at = 0;
    while at < all.len() {
        let verb: Vec<&str> = all[at].iter().map(String::as_str).collect();
        let below: Vec<_> = verbs(&verb).into_iter().map(|name| [all[at].clone(), vec![name]].concat()).collect();
        all.extend(below);
        at += 1;
    }
    assert!(all.len() > 8, "{all:?}");
    let wanting = all.iter().filter(|verb| {
        let verb: Vec<&str> = verb.iter().map(String::as_str).collect();
        shown_apart(&verb, &help(&verb)).iter().any(|help| !document.contains(&format!("```text\n{help}```\n")))
    });
    let wanting: Vec<_> = wanting.map(|verb| format!("presignd {} --help", verb.join(" "))).collect();
    assert!(wanting.is_empty(), "docs/cli.md does not show, word for word, the output of\n{}", wanting.join("\n"));
}

#[test]
fn the_document_tells_every_exit_code() {
    let document = std::fs::read_to_string("docs/cli.md").unwrap();
    for code in [0, 3, 130, 252, 253, 254, 255] {
        assert!(document.contains(&format!("| {code} |")), "{code}");
    }
}
