//! Commands of the AWS CLI, as a shell takes them.

use serde_json::json;

use super::Step;
use crate::s3::Region;

/// `aws SERVICE OPERATION` with options. A value that the CLI itself would read as an option or a file goes in as JSON.
pub(super) struct Command<'a> {
    pub words: &'static str,
    pub options: Vec<(&'static str, &'a str)>,
    /// Left out for IAM, which is the same in every region.
    pub region: Option<&'a Region>,
    /// Of a store that is not AWS's.
    pub endpoint: Option<&'a str>,
}

impl Command<'_> {
    pub(super) fn step(&self, title: impl Into<String>) -> Step {
        Step { title: title.into(), text: self.text() }
    }

    fn text(&self) -> String {
        let mut text = format!("aws {}", self.words);
        if let Some(url) = self.endpoint {
            text.push_str(&format!(" --endpoint-url {}", quoted(url)));
        }
        if let Some(region) = self.region {
            text.push_str(" --region ");
            text.push_str(&quoted(region.as_str()));
        }
        if self.options.iter().any(|(_, value)| is_misread(value)) {
            let members = self.options.iter().map(|(name, value)| (member(name), json!(value))).collect();
            let input = serde_json::Value::Object(members).to_string();
            return format!("{text} --cli-input-json {}", quoted(&without_controls(&input)));
        }
        for (name, value) in &self.options {
            text.push_str(&format!(" --{name} {}", quoted(value)));
        }
        text
    }
}

/// In single quotes unless every shell leaves the text as it is.
pub(super) fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:=@%+,-".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The CLI takes `-…` for an option, and reads `file://…` from the disk; what controls a terminal is not shown on one, nor
/// copied from it, as it is.
fn is_misread(value: &str) -> bool {
    ["-", "file://", "fileb://"].iter().any(|start| value.starts_with(start)) || value.chars().any(char::is_control)
}

/// JSON need not escape all of them.
fn without_controls(json: &str) -> String {
    let escape = |c: char| if c.is_control() { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    json.chars().map(escape).collect()
}

/// `version-id` is `VersionId` in the CLI's JSON.
fn member(option: &str) -> String {
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    option.split('-').filter(|word| !word.is_empty()).map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(key: &str) -> String {
        let options = vec![("bucket", "photos"), ("key", key), ("version-id", "v1")];
        Command { words: "s3api delete-object", options, region: None, endpoint: None }.step("").text
    }

    #[test]
    fn a_shell_gives_back_what_was_quoted() {
        let plain = "aws s3api delete-object --bucket photos --key cats/one.jpg --version-id v1";
        assert_eq!(text("cats/one.jpg"), plain);
        for key in ["a b", "it's", "\"q\"", "$(rm -rf ~)", "`id`", "a\nb", "ünïcode", "!x", "~", "a\\b", "*"] {
            let shell = std::process::Command::new("sh").arg("-c").arg(format!("printf %s {}", quoted(key))).output();
            assert_eq!(String::from_utf8_lossy(&shell.expect("there is a shell").stdout), key);
        }
    }

    #[test]
    fn what_the_cli_would_misread_goes_in_as_json() {
        let wanted = r#"aws s3api delete-object --cli-input-json '{"Bucket":"photos","Key":"-rf","VersionId":"v1"}'"#;
        assert_eq!(text("-rf"), wanted);
        assert!(text("file://etc/passwd").contains("--cli-input-json"));
    }

    #[test]
    fn what_controls_a_terminal_comes_through_one_and_through_a_shell_whole() {
        for key in ["ta\tb", "\u{1b}[31mred", "a\nb", "del\u{7f}", "\u{85}next", "it's\r"] {
            let command = text(key);
            assert!(!command.chars().any(char::is_control), "{command:?}");
            let (_, input) = command.split_once("--cli-input-json ").expect("it goes in as JSON");
            let shell = std::process::Command::new("sh").arg("-c").arg(format!("printf %s {input}")).output();
            let input: serde_json::Value =
                serde_json::from_slice(&shell.expect("there is a shell").stdout).expect("JSON");
            assert_eq!(input["Key"], key);
        }
    }
}
