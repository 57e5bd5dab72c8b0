//! Completions and the manual, as a shell and a formatter read them.

use super::*;

const NOWHERE: &str = "/nonexistent/presignd.sock";

fn printed(arguments: &[&str]) -> String {
    let (code, out, err) = run(Path::new(NOWHERE), arguments);
    assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}");
    out
}

/// Every verb with the verbs below it, by the help.
fn verbs() -> Vec<Vec<String>> {
    let mut all = vec![vec![]];
    let mut at = 0;
    while at < all.len() {
        let verb: &Vec<String> = &all[at];
        let words: Vec<&str> = verb.iter().map(String::as_str).collect();
        let below: Vec<_> = docs::verbs(&words).into_iter().map(|name| [verb.clone(), vec![name]].concat()).collect();
        all.extend(below);
        at += 1;
    }
    all
}

/// What bash would offer after these words.
fn offered(words: &[&str]) -> Vec<String> {
    let script = "source /dev/stdin; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
        _presignd presignd \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\" 2>/dev/null; \
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", script, "bash"]).args(words);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(printed(&["completions", "bash"]).as_bytes()).unwrap();
    let (code, out, err) = said(child.wait_with_output().unwrap());
    assert_eq!((code, err.as_str()), (0, ""));
    out.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_verbs_their_verbs_and_their_options() {
    assert_eq!(offered(&["presignd", "ident"]), ["identities"]);
    assert_eq!(offered(&["presignd", "registry", "ver"]), ["verify"]);
    assert_eq!(offered(&["presignd", "presign", "--expires"]), ["--expires-in"]);
    assert_eq!(offered(&["presignd", "urls", "--output", "js"]), ["json"]);
    let all = offered(&["presignd", ""]);
    for verb in verbs().iter().filter(|verb| verb.len() == 1) {
        assert!(all.contains(&verb[0]), "{verb:?} of {all:?}");
    }
}

#[test]
fn bash_offers_no_common_option_that_a_verb_refuses_and_all_others() {
    let verbs: [(&[&str], &[&str]); 6] = [
        (&["serve"], &[]),
        (&["man"], &[]),
        (&["top"], &["--admin-socket", "--timeout"]),
        (&["doctor"], &["--socket", "--admin-socket", "--output", "--timeout"]),
        (&["urls"], &["--socket", "--admin-socket", "--admin", "--output", "--timeout"]),
        (&["registry", "verify"], &["--output"]),
    ];
    for (words, wanted) in verbs {
        let all = offered(&[&["presignd"][..], words, &["--"]].concat());
        for option in ["--socket", "--admin-socket", "--admin", "--output", "--timeout"] {
            assert_eq!(all.iter().any(|one| one == option), wanted.contains(&option), "{option} of {words:?}: {all:?}");
        }
    }
}

#[test]
#[ignore = "needs fish and zsh"]
fn fish_completes_and_zsh_loads_what_is_made_for_them() {
    let dir = tempfile::tempdir().unwrap();
    let file = |shell: &str| {
        let path = dir.path().join(shell);
        std::fs::write(&path, printed(&["completions", shell])).unwrap();
        path
    };
    let script = format!("source {}; complete -C 'presignd registry ver'", file("fish").display());
    let fish = Command::new("fish").args(["--no-config", "-c", &script]).env("HOME", dir.path()).output();
    let (code, out, err) = said(fish.expect("fish is there"));
    assert!(code == 0 && out.starts_with("verify"), "{out}{err}");
    let script = format!("autoload -U compinit; compinit -u -D; source {}; whence -w _presignd", file("zsh").display());
    let zsh = Command::new("zsh").args(["-f", "-c", &script]).env("HOME", dir.path()).output();
    let (code, out, err) = said(zsh.expect("zsh is there"));
    assert_eq!((code, out.as_str(), err.as_str()), (0, "_presignd: function\n", ""));
}

#[test]
fn there_is_a_page_of_the_manual_for_every_verb_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("man/man1");
    printed(&["man", "--output-dir", to.to_str().unwrap()]);
    let files = std::fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = files.collect();
    let name = |verb: &Vec<String>| format!("{}.1", [vec!["presignd".to_owned()], verb.clone()].concat().join("-"));
    let mut wanted: Vec<String> = verbs().iter().map(name).collect();
    files.sort();
    wanted.sort();
    assert_eq!(files, wanted);
    for verb in verbs() {
        let words: Vec<&str> = verb.iter().map(String::as_str).collect();
        let page = std::fs::read_to_string(to.join(name(&verb))).unwrap();
        assert_eq!(page, printed(&[&["man"][..], &words].concat()), "{verb:?}");
        assert_eq!(page, printed(&["man", &words.join(" ")]), "{verb:?} in quotes");
        assert!(page.contains(".TH presignd") && page.contains(".SH SYNOPSIS"), "{page}");
    }
    let (code, out, err) = run(Path::new(NOWHERE), &["man", "nothing"]);
    assert!(code == 252 && out.is_empty() && err.contains("no verb"), "{err}");
}

#[test]
#[ignore = "needs groff"]
fn groff_has_nothing_to_say_against_any_page_and_shows_its_options() {
    for verb in verbs() {
        let words: Vec<&str> = verb.iter().map(String::as_str).collect();
        let mut groff = Command::new("groff");
        groff
            .args(["-Kutf8", "-man", "-Tutf8", "-ww", "-rLL=100n", "-P-cbou"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = groff.spawn().expect("groff is there");
        child.stdin.take().unwrap().write_all(printed(&[&["man"][..], &words].concat()).as_bytes()).unwrap();
        let (code, out, err) = said(child.wait_with_output().unwrap());
        assert_eq!((code, err.as_str()), (0, ""), "{verb:?}");
        assert!(out.contains("SYNOPSIS") && out.contains("help"), "{verb:?}: {out}");
    }
}
