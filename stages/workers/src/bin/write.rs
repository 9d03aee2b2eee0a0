//! The functions that may write to protected accounts.

use aisaws_workers::function;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    Ok(function::write(&function::handler()).await?)
}
