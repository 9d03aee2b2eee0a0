//! What was laid aside for a fault that is mended is taken in after all.

use std::process::Command;

use serde_json::{Value, json};

use crate::footing::{Footing, endpoint};

#[tokio::test]
async fn dead_letters_are_put_back_on_the_command_line() {
    let (Some(footing), Some(endpoint)) = (Footing::new().await, endpoint()) else { return };
    let send = footing.sqs.send_message().queue_url(&footing.dead_url);
    send.message_body("an event").send().await.unwrap();
    let redrive = || {
        Command::new(env!("CARGO_BIN_EXE_aisaws-under-test"))
            .env_clear()
            .envs(footing.variables(&endpoint))
            .args(["store", "redrive", "--aws", "--output", "json"])
            .output()
            .unwrap()
    };
    for moved in [1, 0] {
        let output = redrive();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{errors}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer, json!({ "moved": moved, "cut": 0 }));
    }
    assert_eq!(footing.waiting().await, ("1".to_owned(), "0".to_owned()));
    let receive = footing.sqs.receive_message().queue_url(&footing.queue_url).send().await.unwrap();
    assert_eq!(receive.messages()[0].body(), Some("an event"));
}
