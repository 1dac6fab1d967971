//! What cargo knows of the workspace.
#![expect(clippy::indexing_slicing, reason = "a JSON value has null where it has no such field")]

use crate::run::Error;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace as `cargo metadata` tells it.
pub(crate) struct Workspace {
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// Each member, with the members that it depends on (not for its tests alone).
    pub(crate) dependencies: BTreeMap<String, BTreeSet<String>>,
}

impl Workspace {
    /// Asks cargo.
    ///
    /// # Errors
    /// Cargo fails, or says something unreadable.
    pub(crate) fn load(root: &Path) -> Result<Self, Error> {
        let output = Command::new("cargo")
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .current_dir(root)
            .output()
            .map_err(|error| Error::failed("run cargo metadata", error))?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(Error::failed("run cargo metadata", message));
        }
        Self::read(&output.stdout)
    }

    fn read(json: &[u8]) -> Result<Self, Error> {
        let metadata: Value = serde_json::from_slice(json)
            .map_err(|error| Error::failed("read cargo's metadata", error))?;
        let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
        let names: BTreeSet<String> =
            packages.iter().map(|package| text(&package["name"])).collect();
        let dependencies = packages
            .iter()
            .map(|package| {
                let listed = package["dependencies"].as_array().cloned().unwrap_or_default();
                let members = listed
                    .iter()
                    .filter(|dependency| dependency["kind"] != "dev")
                    .map(|dependency| text(&dependency["name"]))
                    .filter(|name| names.contains(name))
                    .collect();
                (text(&package["name"]), members)
            })
            .collect();
        Ok(Self { target: text(&metadata["target_directory"]).into(), dependencies })
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_listed_with_the_members_that_they_need() {
        let json = r#"{"target_directory": "/t", "packages": [
            {"name": "a", "dependencies": [
                {"name": "b", "kind": null}, {"name": "c", "kind": "dev"}, {"name": "serde", "kind": null}]},
            {"name": "b", "dependencies": []}, {"name": "c", "dependencies": [{"name": "b", "kind": "build"}]}]}"#;
        let workspace = Workspace::read(json.as_bytes()).unwrap();
        assert_eq!(workspace.target, Path::new("/t"));
        let needs = |name: &str| workspace.dependencies[name].iter().cloned().collect::<Vec<_>>();
        assert_eq!(
            (needs("a"), needs("b"), needs("c")),
            (vec!["b".into()], vec![], vec!["b".into()])
        );
        assert!(Workspace::read(b"no").is_err());
    }
}
