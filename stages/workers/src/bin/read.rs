//! The functions that only read or record.

use aisaws_workers::function;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    Ok(function::read(&function::handler()).await?)
}
