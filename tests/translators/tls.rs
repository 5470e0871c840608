//! DeepL by TLS and HTTP/2, as it is reached in earnest: nginx stands before the double. Its certificate is one that only
//! this machine's own store of certificates knows, as that of a server or a proxy within a house.

use std::time::{Duration, Instant};

use serde_json::json;

use super::doubles::deepl::{DeepLDouble, KEY};
use super::support::Service;
use super::support::process::Nginx;
use super::{DEADLINE, Worker, engine};

/// nginx, which speaks TLS and HTTP/2 and passes on what it is asked; the file of its certificate; and what it noted.
fn front(double: &DeepLDouble) -> Nginx {
    Nginx::start(|port, folder| {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        std::fs::write(folder.join("cert.pem"), made.cert.pem()).expect("written");
        std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("written");
        let (folder, target) = (folder.display(), double.http.url());
        format!(
            "http {{ log_format protocol '$server_protocol $connection $uri'; access_log {folder}/access protocol; \
             client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi; \
             uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi; \
             server {{ listen 127.0.0.1:{port} ssl http2; ssl_certificate {folder}/cert.pem; \
             ssl_certificate_key {folder}/key.pem; location / {{ proxy_pass {target}; }} }} }}"
        )
    })
}

#[tokio::test]
async fn deepl_is_asked_by_http_2_over_one_connection_that_this_machine_trusts() {
    let double = DeepLDouble::start();
    let front = front(&double);
    let url = format!("https://127.0.0.1:{}", front.port);
    let certificate = front.folder.path().join("cert.pem");
    let settings = [
        ("TRANSLATOR", "deepl"),
        ("DEEPL_API_KEY", KEY),
        ("DEEPL_URL", &url),
        ("SSL_CERT_FILE", certificate.to_str().expect("UTF-8")),
        ("RESUME_GRACE_MS", "0"),
    ];
    let service = Service::fake(&settings);
    let mut workers = [Worker::open(&service, "a", &[]).await, Worker::open(&service, "b", &[]).await];
    for number in 1..=3 {
        for worker in &mut workers {
            worker.say(number).await;
        }
        for worker in &mut workers {
            let processed = worker.processed().await;
            assert_eq!(processed["translated_text"], json!(format!("[ES] words {number}")), "{processed}");
            assert_eq!(engine(&processed), "deepl");
        }
    }
    // Each round was at least one request; nginx notes them after it has answered.
    let access = front.folder.path().join("access");
    let deadline = Instant::now() + DEADLINE;
    let noted = loop {
        let noted = std::fs::read_to_string(&access).unwrap_or_default();
        if noted.matches("/translate\n").count() >= 3 {
            break noted;
        }
        assert!(Instant::now() < deadline, "{noted}");
        std::thread::sleep(Duration::from_millis(20));
    };
    let requests: Vec<Vec<&str>> = noted.lines().map(|line| line.split(' ').collect()).collect();
    let translations: Vec<_> = requests.iter().filter(|request| request[2].ends_with("/translate")).collect();
    assert!(requests.iter().all(|request| request[0] == "HTTP/2.0"), "{noted}");
    assert!(translations.iter().all(|request| request[1] == translations[0][1]), "one connection: {noted}");
}

#[test]
fn a_deepl_that_nobody_vouches_for_is_told_nothing() {
    let double = DeepLDouble::start();
    let front = front(&double);
    let url = format!("https://127.0.0.1:{}", front.port);
    let settings = [("TRANSLATOR", "deepl"), ("DEEPL_API_KEY", KEY), ("DEEPL_URL", &url)];
    let findings = super::doctor(&settings);
    let told = serde_json::to_string(&findings).expect("JSON").to_lowercase();
    assert!(told.contains("certificate"), "{told}");
    let noted = std::fs::read_to_string(front.folder.path().join("access")).unwrap_or_default();
    assert_eq!(noted, "", "nothing was sent");
}
