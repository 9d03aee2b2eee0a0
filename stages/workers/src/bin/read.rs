//! The functions that only read or record.

use aisaws_workers::function;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    Ok(function::read(&function::handler()).await?)
}
