//! `aisaws-write` as it is deployed, under test.

use aisaws_workers::function;

#[tokio::main]
async fn main() -> Result<(), function::FunctionError> {
    function::write(&function::handler()).await
}
