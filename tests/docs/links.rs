//! The links between the documents lead somewhere.

use std::path::Path;

#[test]
fn every_relative_link_leads_to_a_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents: Vec<_> = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root.join(name)).into();
    for folder in ["docs", "docs/adr"] {
        let entries = std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        documents.extend(entries.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    let (mut seen, mut dead) = (0, Vec::new());
    for document in &documents {
        let text = std::fs::read_to_string(document).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            seen += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = document.parent().unwrap().join(file);
            let headings = || anchors(&std::fs::read_to_string(&target).unwrap_or_default());
            if !target.exists() || !(anchor.is_empty() || headings().iter().any(|heading| heading == anchor)) {
                dead.push(format!("{}: {link}", document.strip_prefix(root).unwrap().display()));
            }
        }
    }
    assert!(seen > 10, "the links are not found any more");
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

/// What a heading is called in a link.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let plain = |line: &str| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    headings.map(|line| plain(line).chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()).collect()
}
