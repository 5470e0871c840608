//! What deploys the service, held against the service: settings that are named are known to the program and taken by it,
//! ports and paths are those that it answers on, nothing runs as root or from an image that may be another tomorrow.
//!
//! | file | about |
//! | --- | --- |
//! | `compose.rs` | docker/compose.yaml, its layer for a GPU, docker/.env.example |
//! | `images.rs` | the Dockerfiles |
//! | `kubernetes.rs` | docker/kubernetes |
//! | `units.rs` | docker/systemd |
//! | `watching.rs` | what Prometheus, Grafana and the autoscaler are told |
//! | `program.rs` | the program's side: its settings, what it answers |
//! | `yaml.rs` | files as values |

mod compose;
mod images;
mod kubernetes;
mod program;
#[path = "../support/mod.rs"]
mod support;
mod units;
mod watching;
mod yaml;

/// Runs everything that is not root: the user that the images make.
const USER: u64 = 10_001;

/// Whether an image is named with a tag, and not one that moves on with every release.
fn is_pinned(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or_default();
    name.split_once(':').is_some_and(|(_, tag)| !tag.is_empty() && !["latest", "main", "edge"].contains(&tag))
}

#[test]
fn an_image_without_a_tag_of_its_own_is_not_pinned() {
    assert!(is_pinned("registry.example:5000/a/sts:0.1.0-cpu"));
    assert!(!is_pinned("registry.example:5000/sts"));
    assert!(!is_pinned("grafana/grafana:latest"));
}
