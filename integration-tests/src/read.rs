//! `aisaws-read` as it is deployed, under test.

use aisaws_workers::function;

#[tokio::main]
async fn main() -> Result<(), function::FunctionError> {
    function::read(&function::handler()).await
}
