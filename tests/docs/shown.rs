//! Whether a command printed what its page shows. `…` stands for anything within a line, and alone on a line for any lines;
//! an instant for any instant, an id for any id, an access key for any access key, the gap between two columns for any gap.
//! All else is as it is shown; but where a sentence is broken into lines depends on what stands in it.

/// Line by line, but for blanks at their ends.
pub(crate) fn is_shown(shown: &str, printed: &str) -> bool {
    let lines = |text: &str| text.lines().map(|line| settled(line.trim_end())).collect::<Vec<_>>();
    let (shown, printed) = (lines(shown), lines(printed));
    lines_match(&shown, &printed) || lines_match(&unbroken(&shown), &unbroken(&printed))
}

/// Each paragraph on one line: what is no sentence, such as a table, is the same only if its lines are.
fn unbroken(lines: &[String]) -> Vec<String> {
    let mut paragraphs: Vec<String> = Vec::new();
    for line in lines {
        let is_apart = |text: &str| text.is_empty() || text == "…";
        match paragraphs.last_mut() {
            Some(last) if !is_apart(last) && !is_apart(line) => *last = format!("{last} {}", line.trim_start()),
            _ => paragraphs.push(line.clone()),
        }
    }
    paragraphs
}

fn lines_match(shown: &[String], printed: &[String]) -> bool {
    match shown {
        [] => printed.is_empty(),
        [dots, rest @ ..] if dots == "…" => (0..=printed.len()).any(|skip| lines_match(rest, &printed[skip..])),
        [line, rest @ ..] => printed.split_first().is_some_and(|(first, printed)| {
            let parts: Vec<&str> = line.split('…').collect();
            line_matches(&parts, first) && lines_match(rest, printed)
        }),
    }
}

fn line_matches(parts: &[&str], line: &str) -> bool {
    let [first, middle @ .., last] = parts else { return parts == [line] };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// A line whose values that no two runs share are the same in both.
fn settled(line: &str) -> String {
    let in_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == ':';
    let mut settled = String::new();
    let mut rest = line;
    while let Some(begin) = rest.find(in_word) {
        let (before, word) = rest.split_at(begin);
        let end = word.find(|c| !in_word(c)).unwrap_or(word.len());
        let (word, after) = word.split_at(end - usize::from(word[..end].ends_with(':')).min(end - 1));
        settled += before;
        settled += if is_instant(word) {
            "2026-11-22T12:00:00Z"
        } else if is_id(word) {
            "aaaaaaaa-1"
        } else if is_access_key(word) {
            &word[..4]
        } else {
            word
        };
        rest = after;
    }
    settled += rest;
    while settled.contains("   ") {
        settled = settled.replace("   ", "  ");
    }
    settled
}

fn is_instant(word: &str) -> bool {
    let pattern = "dddd-dd-ddTdd:dd:ddZ";
    let fits = |(shape, c): (char, char)| if shape == 'd' { c.is_ascii_digit() } else { c == shape };
    word.len() == pattern.len() && pattern.chars().zip(word.chars()).all(fits)
}

fn is_id(word: &str) -> bool {
    let of_instance = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    word.split_once('-').is_some_and(|(instance, number)| {
        instance.len() == 8 && instance.chars().all(of_instance) && number.parse::<u64>().is_ok()
    })
}

fn is_access_key(word: &str) -> bool {
    word.len() == 20 && (word.starts_with("AKIA") || word.starts_with("ASIA"))
}

#[test]
fn what_differs_from_run_to_run_may_differ_and_nothing_else() {
    for (shown, printed, same) in [
        ("a\n", "a\n", true),
        ("a  \n", "a\n", true),
        ("a\n", "a\nb\n", false),
        ("a\n", "", false),
        ("", "a\n", false),
        ("https://…/cat.jpg?X=…\n", "https://host/cat.jpg?X=1&Y=2\n", true),
        ("https://…/cat.jpg?X=…\n", "https://host/dog.jpg?X=1\n", false),
        ("… ends\n", "it never\n", false),
        ("a\n…\nd\n", "a\nb\nc\nd\n", true),
        ("a\n…\nd\n", "a\nd\n", true),
        ("a\n…\nd\n", "a\nb\nc\n", false),
        ("until 2026-11-22T09:30:00Z.\n", "until 2027-01-02T03:04:05Z.\n", true),
        ("until 2026-11-22T09:30:00Z: all\n", "until 2027-01-02T03:04:05Z: all\n", true),
        ("until 2026-11-22T09:30:00Z.\n", "until 2026-11-22.\n", false),
        ("k3yd2a7q-1  7\n", "zzzzzzzz-12  7\n", true),
        ("k3yd2a7q-1  7\n", "zzzzzzzz-12  8\n", false),
        ("key ASIAQWERTYUIOPASDFGH\n", "key ASIAHGFDSAPOIUYTREWQ\n", true),
        ("key ASIAQWERTYUIOPASDFGH\n", "key AKIAHGFDSAPOIUYTREWQ\n", false),
        ("UID  NAME\n", "UID     NAME\n", true),
        ("UID  NAME\n", "UID NAME\n", false),
        (
            "all end in 5m (…). Wait\nuntil then.\n\n…\n",
            "all end in 5m (4m 20s left).\nWait until then.\n\nUID\n1\n",
            true,
        ),
        ("all end in 5m (…). Wait\nuntil then.\n", "all end in 5m (4m 20s left).\nUntil then.\n", false),
        ("all end.\n\nWait.\n", "all end. Wait.\n", false),
    ] {
        assert_eq!(is_shown(shown, printed), same, "{shown:?} {printed:?}");
    }
}
