//! The links between the documents lead somewhere, the files that they name are there, and the drawing of the house shows
//! every room.

use std::path::PathBuf;

use crate::page::root;

#[test]
fn every_relative_link_leads_to_a_file() {
    let (mut seen, mut dead) = (0, Vec::new());
    for document in &documents() {
        let text = std::fs::read_to_string(document).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            seen += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = document.parent().unwrap().join(file);
            let headings = || anchors(&std::fs::read_to_string(&target).unwrap_or_default());
            if !target.exists() || !(anchor.is_empty() || headings().iter().any(|heading| heading == anchor)) {
                dead.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(seen > 10, "the links are not found any more");
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

#[test]
fn every_file_that_a_document_names_is_there() {
    let (mut seen, mut gone) = (0, Vec::new());
    for document in &documents() {
        let text = std::fs::read_to_string(document).unwrap();
        let named = text.split('`').filter(|name| FOLDERS.iter().any(|folder| name.starts_with(folder)));
        // What is installed is named and not committed.
        let named = named.filter(|name| !name.contains("node_modules"));
        for name in named.filter(|name| !name.contains(char::is_whitespace)) {
            seen += 1;
            // A room may be named by its folder, or by the file beside it.
            if ![name.to_owned(), format!("{}.rs", name.trim_end_matches('/'))]
                .iter()
                .any(|name| root().join(name).exists())
            {
                gone.push(format!("{}: {name}", document.display()));
            }
        }
    }
    assert!(seen > 20, "the names are not found any more");
    assert!(gone.is_empty(), "{}", gone.join("\n"));
}

#[test]
fn the_drawing_of_the_house_shows_every_room() {
    let map = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let rooms = map.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let drawing = text.split("```").nth(1).unwrap();
    let words: Vec<&str> = drawing.split(|c: char| !c.is_alphanumeric()).collect();
    let absent: Vec<&str> = rooms.filter(|room| !words.contains(room)).collect();
    assert!(absent.is_empty(), "not in the drawing: {absent:?}");
}

/// Every document there is.
fn documents() -> Vec<PathBuf> {
    let mut documents: Vec<_> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root().join(name)).into();
    for folder in ["docs", "docs/adr"] {
        let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        documents.extend(entries.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    documents
}

/// What a heading is called in a link.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let plain = |line: &str| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    headings.map(|line| plain(line).chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()).collect()
}

const FOLDERS: [&str; 7] = ["src/", "tests/", "scripts/", "docs/", "proto/", "examples/", "helm/"];
