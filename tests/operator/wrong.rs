//! Wrong commands.

use serde_json::json;

use super::support::Service;
use super::support::operator::Operator;

#[tokio::test]
async fn wrong_commands_are_explained() {
    let service = Service::fake(&[]);
    let operator = Operator::of(&service);
    for (status, code, (got, problem)) in [
        (404, "INVALID_CONFIG", operator.get("/stages/vad").await),
        (404, "INVALID_CONFIG", operator.get("/nowhere").await),
        (400, "INVALID_CONFIG", operator.post("/stages/asr/restart?mode=gently").await),
        (400, "INVALID_CONFIG", operator.put("/stages/asr/workers", &json!({"workers": 0})).await),
        (400, "INVALID_CONFIG", operator.put("/stages/asr/workers", &json!({"workers": "two"})).await),
        (415, "INVALID_CONFIG", operator.post("/stages/asr/reload").await),
    ] {
        assert_eq!((got, &problem["code"]), (status, &json!(code)), "{problem}");
        assert!(problem["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
    let (_, service) = operator.get("/service").await;
    assert_eq!((&service["state"], &service["streams"]), (&json!("ready"), &json!(0)), "{service}");
}
