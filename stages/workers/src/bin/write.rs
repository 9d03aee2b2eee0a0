//! The functions that may write to protected accounts.

use aisaws_workers::function;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    Ok(function::write(&function::handler()).await?)
}
