//! A release has one version, which stands in more places than Cargo.toml; docs/release.md lists them. What each package is
//! passed on under goes along with it.

use crate::page::root;

#[test]
fn every_place_that_holds_the_version_holds_that_of_cargo_toml() {
    let version = env!("CARGO_PKG_VERSION");
    for (file, line) in [
        ("clients/python/pyproject.toml", format!("version = \"{version}\"")),
        ("clients/node/package.json", format!("\"version\": \"{version}\",")),
        ("docs/clients.md", format!("npm install ./clients/node/presignd-{version}.tgz")),
        ("helm/presignd/Chart.yaml", format!("version: {version}\nappVersion: {version}\n")),
        ("helm/presignd/Chart.yaml", format!("    alias: presignd\n    version: {version}\n")),
        ("helm/presignd-lib/Chart.yaml", format!("version: {version}\nappVersion: {version}\n")),
        ("helm/presignd-lib/values.yaml", format!("tag: \"{version}\"")),
        ("examples/shop-chart/Chart.yaml", format!("    alias: presignd\n    version: {version}\n")),
    ] {
        assert!(read(file).contains(&line), "{file} is of another version: without {line:?}");
        assert!(read("docs/release.md").contains(&format!("`{file}`")), "docs/release.md forgets {file}");
    }
}

#[test]
fn each_package_of_a_client_brings_both_licences() {
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        for package in ["clients/python", "clients/node"] {
            assert_eq!(read(&format!("{package}/{licence}")), read(licence), "{package} has another {licence}");
        }
    }
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}
