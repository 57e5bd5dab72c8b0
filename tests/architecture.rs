//! The order of rooms, as `src/lib.rs` lists them: a room looks up that list, never down it or sideways, and the pure
//! rooms at its beginning wait for nobody and ask nobody the time.

use std::fs;
use std::path::{Path, PathBuf};

/// Told everything; open nothing. They stand before every other room.
const PURE: [&str; 9] = ["time", "s3", "session", "access", "issued", "signer", "explain", "impact", "config"];

/// What a pure room may not name.
const IMPURE: [&str; 12] = [
    "tokio",
    "tonic",
    "std::fs",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::env",
    "std::process",
    "std::thread",
    "std::os::unix::net",
    "rusqlite",
    "SystemTime",
    "Instant",
];

const LONGEST_FILE: usize = 450;

/// A source file: the room it belongs to, and its lines without comments and tests.
struct File {
    path: PathBuf,
    room: String,
    text: String,
}

impl File {
    /// Code alone: comments may name what they like, and tests may reach anywhere.
    fn code(&self) -> Vec<(usize, &str)> {
        if self.path.ends_with("tests.rs") {
            return Vec::new();
        }
        let code = self.text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let code = code.lines().enumerate().map(|(at, line)| (at + 1, line));
        code.map(|(at, line)| (at, line.split("//").next().unwrap_or_default())).collect()
    }
}

#[test]
fn every_room_looks_up_the_list_only() {
    let (rooms, files) = house();
    let place = |room: &str| rooms.iter().position(|known| known == room);
    let mut faults = Vec::new();
    for file in &files {
        // main stands on the roof: it may look at every room.
        let own = place(&file.room).unwrap_or(rooms.len());
        for (line, root, used) in paths(file) {
            let fault = match place(&used) {
                Some(at) if at < own || used == file.room => continue,
                Some(_) => "stands later in the list",
                // What an inner module of the file takes from its file.
                None if root == "super::" => continue,
                None => "is no room",
            };
            faults.push(format!("{}:{line}: {root}{used} {fault}", file.path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_pure_room_waits_opens_anything_or_asks_the_time() {
    let (rooms, files) = house();
    assert_eq!(sorted(&rooms[..PURE.len()]), sorted(&PURE), "the pure rooms stand first in src/lib.rs");
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| PURE.contains(&file.room.as_str())) {
        for (line, code) in file.code() {
            let named = IMPURE.iter().filter(|word| names(code, word));
            faults.extend(named.map(|word| format!("{}:{line}: {word}", file.path.display())));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_file_belongs_to_a_listed_room_and_says_what_it_is_for() {
    let (rooms, files) = house();
    for room in &rooms {
        assert!(files.iter().any(|file| file.room == *room), "src/lib.rs lists {room}, but there is no such file");
    }
    for file in &files {
        let listed = rooms.contains(&file.room) || file.room == "main" || file.room == "lib";
        assert!(listed, "{} belongs to no room of src/lib.rs", file.path.display());
        assert!(file.text.starts_with("//! "), "{} does not open with what it is for", file.path.display());
    }
}

#[test]
fn no_file_has_room_for_a_second_subject() {
    for file in house().1 {
        let lines = file.text.lines().count();
        assert!(lines <= LONGEST_FILE, "{}: {lines} lines: which second subject moved in?", file.path.display());
    }
}

/// The rooms in the order of `src/lib.rs`, and all files under `src`.
fn house() -> (Vec<String>, Vec<File>) {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let list = fs::read_to_string(src.join("lib.rs")).expect("src/lib.rs is there");
    let room = |line: &str| line.strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned);
    let rooms = list.lines().filter_map(room).collect();
    let mut files = Vec::new();
    collect(&src, &src, &mut files);
    (rooms, files)
}

fn collect(src: &Path, folder: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("a folder of the source") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(src, &path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let inside = path.strip_prefix(src).expect("it lies in src").to_owned();
            let first = inside.components().next().expect("a file has a name").as_os_str().to_string_lossy();
            let room = first.trim_end_matches(".rs").to_owned();
            files.push(File { room, text: fs::read_to_string(&path).expect("source is UTF-8"), path: inside });
        }
    }
}

/// Every room that a file names after `crate::`, the members of `crate::{…}` included.
fn paths(file: &File) -> Vec<(usize, &'static str, String)> {
    let mut found = Vec::new();
    // In a file at the top, `super` is the crate's root.
    let roots: &[&'static str] =
        if file.path.components().count() == 1 { &["crate::", "super::"] } else { &["crate::"] };
    for (line, code) in file.code() {
        for (at, root) in roots.iter().flat_map(|root| code.match_indices(root).map(|(at, _)| (at, *root))) {
            if at > 0 && code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
                continue;
            }
            let rest = &code[at + root.len()..];
            let members: Vec<&str> = match rest.strip_prefix('{') {
                Some(group) => outermost(group),
                None => vec![rest],
            };
            for member in members {
                let name: String = member.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !name.is_empty() {
                    found.push((line, root, name));
                }
            }
        }
    }
    found
}

/// The members of a group, without what stands in groups within.
fn outermost(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut members) = (0, 0, Vec::new());
    for (at, sign) in group.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(&group[start..at]);
                return members;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    members.push(&group[start..]);
    members
}

/// Whether `code` names `word` as a whole.
fn names(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| !code[..at].ends_with(part) && !code[at + word.len()..].starts_with(part))
}

fn sorted<T: AsRef<str>>(words: &[T]) -> Vec<&str> {
    let mut words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    words.sort_unstable();
    words
}

#[test]
fn groups_of_paths_are_seen_through() {
    let text =
        "use crate::{s3, session::{self, Facts}, time::Timestamp};\nlet x = crate::clock::now(); // crate::cli\n";
    let file = File { path: "x.rs".into(), room: "x".into(), text: text.into() };
    let rooms: Vec<String> = paths(&file).into_iter().map(|(.., room)| room).collect();
    assert_eq!(rooms, ["s3", "session", "time", "clock"]);
    assert!(names("use tokio::time;", "tokio") && !names("my_tokio_like", "tokio"));
}
