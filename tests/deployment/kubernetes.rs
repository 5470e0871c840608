//! The manifests of docker/kubernetes; their shapes are checked by docker/lint.sh.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::USER;
use super::program::{self, unknown};
use super::support::{Service, get};
use super::yaml::{self, members, texts};

fn manifest(file: &str) -> Value {
    yaml::one(&format!("kubernetes/{file}"))
}

fn pod() -> Value {
    manifest("base/deployment.yaml")["spec"]["template"]["spec"].clone()
}

fn settings(file: &str) -> BTreeMap<String, String> {
    let manifest = manifest(file);
    members(&manifest["data"])
        .map(|(name, value)| {
            let value = value.as_str().unwrap_or_else(|| panic!("{name} is no string"));
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

/// The base's settings, with those of a GPU over them.
fn settings_of_both() -> [BTreeMap<String, String>; 2] {
    let base = settings("base/configmap.yaml");
    let mut cuda = base.clone();
    cuda.extend(settings("cuda/settings.yaml"));
    [base, cuda]
}

#[test]
fn the_program_knows_and_takes_the_settings() {
    let secret = manifest("base/secret.example.yaml");
    let (file, token) = members(&secret["stringData"]).next().expect("a token");
    let token = token.as_str().expect("a text");
    for settings in settings_of_both() {
        assert_eq!(unknown(settings.keys().map(String::as_str), &program::settings()), [""; 0]);
        let config = program::load(&settings, token).map_err(|problems| problems.0);
        let config = config.expect("they are taken");
        assert!(!config.host.is_loopback() && config.ops_host.is_loopback());
        // The file that the settings name is the one that the secret becomes.
        let mounts = pod()["containers"][0]["volumeMounts"].clone();
        let tokens =
            mounts.as_array().and_then(|mounts| mounts.iter().find(|mount| mount["name"] == "tokens").cloned());
        let folder = tokens.expect("it is mounted")["mountPath"].as_str().expect("a path").to_owned();
        assert_eq!(settings["WORKER_TOKENS_FILE"], format!("{folder}/{file}"));
    }
    for variable in pod()["initContainers"][0]["env"].as_array().expect("a list") {
        let name = variable["name"].as_str().expect("a name");
        assert!(name == "HOME" || program::settings().contains(name), "{name}");
    }
}

#[test]
fn probes_ask_what_the_program_answers() {
    let service = Service::fake(&[]);
    let port = program::defaults().port;
    let container = &pod()["containers"][0];
    assert_eq!(settings("base/configmap.yaml")["PORT"], port.to_string());
    assert_eq!(container["ports"][0]["containerPort"], port);
    for (probe, path) in
        [("startupProbe", "/health/live"), ("livenessProbe", "/health/live"), ("readinessProbe", "/health/ready")]
    {
        let request = &container[probe]["httpGet"];
        assert_eq!(
            (request["path"].as_str(), &request["port"]),
            (Some(path), &container["ports"][0]["name"]),
            "{probe}"
        );
        let answer = get(&service.address, path).expect("it listens");
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    let entry = &manifest("base/service.yaml")["spec"]["ports"][0];
    assert_eq!(entry["targetPort"], container["ports"][0]["name"]);
    let policy = manifest("base/network.yaml");
    assert_eq!(policy["spec"]["ingress"][0]["ports"][0]["port"], port);
    assert_eq!(policy["spec"]["ingress"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_stop_leaves_time_to_drain() {
    let pod = pod();
    let config = program::load(&settings("base/configmap.yaml"), "0123456789abcdef").expect("they are taken");
    let pause = texts(&pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]);
    assert_eq!(pause[0], "sleep");
    let pause = Duration::from_secs(pause[1].parse().expect("seconds"));
    let grace = Duration::from_secs(pod["terminationGracePeriodSeconds"].as_u64().expect("seconds"));
    assert!(grace > pause + program::time_to_drain(&config), "{grace:?}");
}

#[test]
fn pods_are_confined() {
    let pod = pod();
    let security = &pod["securityContext"];
    assert_eq!((&security["runAsNonRoot"], &security["runAsUser"]), (&true.into(), &USER.into()));
    assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["automountServiceAccountToken"], false);
    let containers = [&pod["initContainers"], &pod["containers"]];
    let containers: Vec<&Value> = containers.into_iter().flat_map(|list| list.as_array().expect("a list")).collect();
    assert_eq!(containers.len(), 2);
    for container in containers {
        let name = &container["name"];
        let security = &container["securityContext"];
        assert_eq!(security["readOnlyRootFilesystem"], true, "{name}");
        assert_eq!(security["allowPrivilegeEscalation"], false, "{name}");
        assert_eq!(texts(&security["capabilities"]["drop"]), ["ALL"], "{name}");
        assert!(container["resources"]["limits"]["memory"].is_string(), "{name}");
        let mounts = container["volumeMounts"].as_array().expect("a list");
        let models = mounts.iter().find(|mount| mount["name"] == "models").expect("the weights");
        // Only what fetches writes there, and each looks where it is told to.
        assert_eq!(models["readOnly"].as_bool().unwrap_or_default(), name == "service");
        assert_eq!(models["mountPath"], settings("base/configmap.yaml")["MODELS_DIR"]);
    }
}

#[test]
fn images_are_pinned_by_both_kustomizations() {
    let base = manifest("base/kustomization.yaml");
    let named: Vec<&str> =
        base["images"].as_array().expect("a list").iter().filter_map(|at| at["name"].as_str()).collect();
    let pod = pod();
    for container in [&pod["containers"][0], &pod["initContainers"][0]] {
        let image = container["image"].as_str().expect("an image");
        assert!(named.contains(&image), "{image} gets no tag");
    }
    let cuda = manifest("cuda/kustomization.yaml");
    for image in base["images"].as_array().into_iter().chain(cuda["images"].as_array()).flatten() {
        assert!(image["newTag"].as_str().is_some_and(|tag| tag != "latest"), "{image}");
    }
    // The one for a GPU replaces the service's image, by the name that the base gives it, and not the other.
    let new_name = |at: usize| &base["images"][at]["newName"];
    assert_eq!(&cuda["images"][0]["name"], new_name(0));
    assert_ne!(new_name(0), new_name(1));
}

#[test]
fn every_manifest_is_in_the_kustomization_and_names_what_is_there() {
    let base = manifest("base/kustomization.yaml");
    let mut listed: Vec<&str> = texts(&base["resources"]);
    listed.extend(["kustomization.yaml", "secret.example.yaml"]);
    listed.sort_unstable();
    let files = yaml::files("kubernetes/base");
    let there: Vec<&str> = files.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    assert_eq!(there, listed);

    let deployment = manifest("base/deployment.yaml");
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&deployment["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(&manifest("base/service.yaml")["spec"]["selector"], labels);
    assert_eq!(&manifest("base/disruption.yaml")["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(&manifest("base/network.yaml")["spec"]["podSelector"]["matchLabels"], labels);
    assert_eq!(&manifest("monitoring/service-monitor.yaml")["spec"]["selector"]["matchLabels"], labels);
    let name = &deployment["metadata"]["name"];
    assert_eq!(&manifest("base/autoscaler.yaml")["spec"]["scaleTargetRef"]["name"], name);
    assert_eq!(&manifest("cuda/deployment.yaml")["metadata"]["name"], name);
    let volumes = &deployment["spec"]["template"]["spec"]["volumes"];
    assert_eq!(volumes[0]["persistentVolumeClaim"]["claimName"], manifest("base/models.yaml")["metadata"]["name"]);
    assert_eq!(volumes[1]["secret"]["secretName"], manifest("base/secret.example.yaml")["metadata"]["name"]);
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let settings = &manifest("base/configmap.yaml")["metadata"]["name"];
    assert_eq!(&container["envFrom"][0]["configMapRef"]["name"], settings);
    assert_eq!(&manifest("cuda/settings.yaml")["metadata"]["name"], settings);
    // Long-polling is many requests, and a stream that is resumed is in one pod.
    assert_eq!(manifest("base/service.yaml")["spec"]["sessionAffinity"], "ClientIP");
}
