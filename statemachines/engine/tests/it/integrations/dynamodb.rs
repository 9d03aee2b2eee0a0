//! Tables: conditions, updates and results as in DynamoDB's documentation.

use std::sync::Arc;

use aisaws_engine::integrations::{MemoryTable, Router, Table, Tables};
use serde_json::{Value, json};

use super::messages::run_twice;
use super::{engine_on, one, run, without_metadata};

fn arn(action: &str) -> String {
    format!("arn:aws:states:::dynamodb:{action}")
}

fn router(table: &Arc<impl Table + 'static>) -> Router {
    Router::new().tables(Tables::new().with("table", Arc::clone(table) as _))
}

fn table() -> Arc<MemoryTable> {
    Arc::new(MemoryTable::new(&["id"]))
}

#[tokio::test]
async fn put_update_get_and_delete_answer_as_recorded() {
    let table = table();
    let engine = engine_on(router(&table));
    let key = json!({"id": {"S": "id1"}});
    let put =
        json!({"TableName": "table", "Item": {"data": {"S": "HelloWorld"}, "id": {"S": "id1"}}});
    assert_eq!(
        without_metadata(one(&engine, "put", &arn("putItem"), &put).await.unwrap()),
        json!({})
    );
    let update = json!({"TableName": "table", "Key": key, "UpdateExpression": "set S=:r", "ReturnValues": "UPDATED_NEW",
        "ExpressionAttributeValues": {":r": {"S": "HelloWorldUpdated"}}});
    assert_eq!(
        without_metadata(one(&engine, "update", &arn("updateItem"), &update).await.unwrap()),
        json!({"Attributes": {"S": {"S": "HelloWorldUpdated"}}})
    );
    let get = json!({"TableName": "table", "Key": key});
    assert_eq!(
        without_metadata(one(&engine, "get", &arn("getItem"), &get).await.unwrap()),
        json!({"Item": {"S": {"S": "HelloWorldUpdated"}, "data": {"S": "HelloWorld"}, "id": {"S": "id1"}}})
    );
    assert_eq!(
        without_metadata(one(&engine, "delete", &arn("deleteItem"), &get).await.unwrap()),
        json!({})
    );
    assert_eq!(
        without_metadata(one(&engine, "gone", &arn("getItem"), &get).await.unwrap()),
        json!({})
    );
    let sdk = one(&engine, "sdk", "arn:aws:states:::aws-sdk:dynamodb:putItem", &put).await;
    assert_eq!(sdk, Ok(json!({})), "the SDK integration has no metadata");
    assert_eq!(table.items().len(), 1);
}

#[tokio::test]
async fn refusals_are_named_as_recorded() {
    let engine = engine_on(router(&table()));
    let item = json!({"id": {"S": "id1"}});
    let cases = [
        (
            arn("putItem"),
            json!({"TableName": "none", "Item": item}),
            "DynamoDB.ResourceNotFoundException",
            "Requested resource not found (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ResourceNotFoundException; Request ID: ",
        ),
        (
            arn("putItem"),
            json!({"TableName": "/table", "Item": item}),
            "DynamoDB.AmazonDynamoDBException",
            "1 validation error detected: Value '/table' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+ (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ValidationException; Request ID: ",
        ),
        (
            "arn:aws:states:::aws-sdk:dynamodb:putItem".to_owned(),
            json!({"TableName": "none", "Item": item}),
            "DynamoDb.ResourceNotFoundException",
            "Requested resource not found (Service: DynamoDb, Status Code: 400, Request ID: ",
        ),
        (
            arn("getItem"),
            json!({"TableName": "table", "Key": {"other": {"S": "x"}}}),
            "DynamoDB.AmazonDynamoDBException",
            "The provided key element does not match the schema",
        ),
        (
            arn("putItem"),
            json!({"TableName": "table", "Item": item, "ConditionExpression": "attribute_exists(id)"}),
            "DynamoDB.ConditionalCheckFailedException",
            "The conditional request failed (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ConditionalCheckFailedException; Request ID: ",
        ),
        (
            "arn:aws:states:::aws-sdk:dynamodb:putItem".to_owned(),
            json!({"TableName": "table", "Item": item, "ConditionExpression": "attribute_exists(id)"}),
            "DynamoDb.ConditionalCheckFailedException",
            "The conditional request failed (Service: DynamoDb, Status Code: 400, Request ID: ",
        ),
        (
            arn("updateItem"),
            json!({"TableName": "table", "Key": item, "UpdateExpression": "SET id = :x", "ExpressionAttributeValues": {":x": {"S": "y"}}}),
            "DynamoDB.AmazonDynamoDBException",
            "One or more parameter values were invalid: Cannot update attribute",
        ),
    ];
    for (i, (resource, parameters, error, cause)) in cases.into_iter().enumerate() {
        let found = one(&engine, &format!("e{i}"), &resource, &parameters).await.unwrap_err();
        assert_eq!(found.0, error, "{parameters}");
        assert!(found.1.starts_with(cause), "{} for {parameters}", found.1);
    }
}

fn product() -> Value {
    json!({"id": {"S": "123"}, "Price": {"N": "500"}, "Title": {"S": "Bike 201"}, "Color": {"SS": ["Red", "Black"]},
        "Rating": {"NULL": true}, "Parts": {"L": [{"S": "Hammer"}, {"S": "Nails"}, {"S": "Saw"}]},
        "Reviews": {"M": {"FiveStar": {"L": [{"S": "Excellent"}]}}}})
}

/// Comparison operators and functions, on the catalogue item of the developer guide's examples.
#[tokio::test]
async fn conditions_hold_as_the_developer_guide_says() {
    let engine = engine_on(router(&table()));
    let put = json!({"TableName": "table", "Item": product()});
    one(&engine, "put", &arn("putItem"), &put).await.unwrap();
    let values = json!({":low": {"N": "499.5"}, ":high": {"N": "600"}, ":same": {"N": "5.00E+2"}, ":bike": {"S": "Bike"}, ":red": {"S": "Red"},
        ":blue": {"S": "Blue"}, ":ss": {"S": "SS"}, ":two": {"N": "2"}, ":three": {"N": "3"}, ":saw": {"S": "Saw"}, ":null": {"NULL": true}});
    let cases = [
        ("attribute_exists(Price)", true),
        ("attribute_not_exists(Price)", false),
        ("attribute_not_exists(Nothing) AND Price = :same", true),
        ("Price BETWEEN :low AND :high", true),
        ("Price BETWEEN :high AND :low", false),
        ("Price > :low and Price < :high", true),
        ("Price < :low OR begins_with(Title, :bike)", true),
        ("NOT begins_with(Title, :bike)", false),
        ("contains(Color, :red)", true),
        ("contains(Color, :blue)", false),
        ("contains(Title, :bike) AND (contains(Color, :blue) OR size(Color) = :two)", true),
        ("attribute_type(Color, :ss)", true),
        ("size(Parts) >= :three", true),
        ("Parts[2] = :saw", true),
        ("contains(Parts, :saw)", true),
        ("#r.FiveStar[0] <> :saw", true),
        ("attribute_exists(#r.OneStar)", false),
        ("Title IN (:bike, :red)", false),
        ("Color <> :red", true),
        ("Rating = :null", true),
        ("Title > :low", false),
        ("Nothing < :low", false),
    ];
    for (i, (condition, holds)) in cases.into_iter().enumerate() {
        let parameters = json!({"TableName": "table", "Key": {"id": {"S": "123"}}, "ConditionExpression": condition,
            "ExpressionAttributeValues": values, "ExpressionAttributeNames": {"#r": "Reviews"}});
        let found = one(&engine, &format!("e{i}"), &arn("updateItem"), &parameters).await;
        match found {
            Ok(_) => assert!(holds, "{condition} held"),
            Err((error, cause)) => {
                assert_eq!(
                    error, "DynamoDB.ConditionalCheckFailedException",
                    "{condition}: {cause}"
                );
                assert!(!holds, "{condition} did not hold");
            }
        }
    }
}

#[tokio::test]
async fn updates_do_what_the_developer_guide_says() {
    let values = json!({":one": {"N": "1"}, ":tenth": {"N": "0.1"}, ":more": {"L": [{"S": "Wrench"}]}, ":none": {"L": []}, ":green": {"SS": ["Green", "Red"]}, ":red": {"SS": ["Red"]}, ":x": {"S": "x"}});
    let cases = [
        ("SET Price = Price - :tenth", "Price", json!({"N": "499.9"})),
        ("SET Price = Price + :one", "Price", json!({"N": "501"})),
        ("SET Stock = if_not_exists(Stock, :one) + :one", "Stock", json!({"N": "2"})),
        ("SET Price = if_not_exists(Price, :one)", "Price", json!({"N": "500"})),
        (
            "SET Parts = list_append(:more, Parts)",
            "Parts",
            json!({"L": [{"S": "Wrench"}, {"S": "Hammer"}, {"S": "Nails"}, {"S": "Saw"}]}),
        ),
        (
            "SET Tools = list_append(if_not_exists(Tools, :none), :more)",
            "Tools",
            json!({"L": [{"S": "Wrench"}]}),
        ),
        (
            "SET Parts[0] = :x, Parts[9] = :x",
            "Parts",
            json!({"L": [{"S": "x"}, {"S": "Nails"}, {"S": "Saw"}, {"S": "x"}]}),
        ),
        ("REMOVE Parts[0], Parts[1]", "Parts", json!({"L": [{"S": "Saw"}]})),
        ("REMOVE Reviews.FiveStar", "Reviews", json!({"M": {}})),
        (
            "SET Reviews.OneStar = :x REMOVE Title",
            "Reviews",
            json!({"M": {"FiveStar": {"L": [{"S": "Excellent"}]}, "OneStar": {"S": "x"}}}),
        ),
        ("ADD Price :one, Stock :one", "Stock", json!({"N": "1"})),
        ("ADD Color :green", "Color", json!({"SS": ["Red", "Black", "Green"]})),
        ("DELETE Color :red", "Color", json!({"SS": ["Black"]})),
    ];
    for (expression, attribute, expected) in cases {
        let table = table();
        let engine = engine_on(router(&table));
        let put = json!({"TableName": "table", "Item": product()});
        one(&engine, "put", &arn("putItem"), &put).await.unwrap();
        let parameters = json!({"TableName": "table", "Key": {"id": {"S": "123"}}, "UpdateExpression": expression, "ExpressionAttributeValues": values, "ReturnValues": "ALL_NEW"});
        let result = one(&engine, "update", &arn("updateItem"), &parameters).await;
        let result = result.unwrap_or_else(|e| panic!("{expression}: {e:?}"));
        assert_eq!(result["Attributes"][attribute], expected, "{expression}");
        assert_eq!(Value::Object(table.items()[0].clone()), result["Attributes"], "{expression}");
    }
    for wrong in [
        "",
        "SET",
        "SET a",
        "SET a = ",
        "SET a = :nothing",
        "SET a = :one +",
        "SET a = b.c",
        "SET a = :one, a.b = :one",
        "ADD Title :one",
        "DROP a",
        "SET #n = :one",
        "SET a = (((:one",
    ] {
        let engine = engine_on(router(&table()));
        let parameters = json!({"TableName": "table", "Key": {"id": {"S": "1"}}, "UpdateExpression": wrong, "ExpressionAttributeValues": values});
        let one = one(&engine, "update", &arn("updateItem"), &parameters).await;
        if wrong == "ADD Title :one" {
            assert!(one.is_ok(), "what is absent is zero");
        } else {
            assert_eq!(one.unwrap_err().0, "DynamoDB.AmazonDynamoDBException", "{wrong}");
        }
    }
}

#[tokio::test]
async fn a_projection_gives_a_part() {
    let engine = engine_on(router(&table()));
    one(&engine, "put", &arn("putItem"), &json!({"TableName": "table", "Item": product()}))
        .await
        .unwrap();
    let get = json!({"TableName": "table", "Key": {"id": {"S": "123"}}, "ProjectionExpression": "Price, Reviews.FiveStar, #p[1]", "ExpressionAttributeNames": {"#p": "Parts"}});
    let result = without_metadata(one(&engine, "get", &arn("getItem"), &get).await.unwrap());
    assert_eq!(
        result,
        json!({"Item": {"Price": {"N": "500"}, "Reviews": {"M": {"FiveStar": {"L": [{"S": "Excellent"}]}}}, "Parts": {"L": [{"S": "Nails"}]}}})
    );
}

/// Expressions are text from outside.
#[tokio::test]
async fn nested_expressions_are_refused() {
    let engine = engine_on(router(&table()));
    for (i, condition) in [
        "(".repeat(2_000),
        "NOT ".repeat(900),
        format!("{}a = b", "(".repeat(100)),
        "a".repeat(5_000),
        "a[99999999999999999999999]".to_owned(),
        format!("{}a = b", "a.".repeat(500)),
    ]
    .iter()
    .enumerate()
    {
        let parameters = json!({"TableName": "table", "Item": {"id": {"S": "1"}}, "ConditionExpression": condition});
        let found = one(&engine, &format!("e{i}"), &arn("putItem"), &parameters).await.unwrap_err();
        assert_eq!(found.0, "DynamoDB.AmazonDynamoDBException");
        assert!(found.1.starts_with("Invalid ConditionExpression: "), "{}", found.1);
    }
}

#[tokio::test]
async fn an_update_that_is_made_again_adds_once() {
    let table = table();
    let parameters = json!({"TableName": "table", "Key": {"id": {"S": "1"}}, "UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}, "ReturnValues": "UPDATED_NEW"});
    let result = run_twice(router(&table), &arn("updateItem"), &parameters).await.unwrap();
    assert_eq!(result["Attributes"], json!({"n": {"N": "1"}}));
    assert_eq!(table.items()[0]["n"], json!({"N": "1"}));
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_in_a_file_does_the_same() {
    use aisaws_engine::integrations::{INTEGRATIONS_SCHEMA, SqliteTable};
    let dir = tempfile::tempdir().unwrap();
    let db = aisaws_sqlite::Db::open(&dir.path().join("s.sqlite"), &[INTEGRATIONS_SCHEMA]).unwrap();
    let table = Arc::new(SqliteTable::new(db, "table", &["id"]));
    let parameters = json!({"TableName": "table", "Key": {"id": {"S": "1"}}, "UpdateExpression": "ADD n :one", "ConditionExpression": "attribute_not_exists(n) OR n < :three",
        "ExpressionAttributeValues": {":one": {"N": "1"}, ":three": {"N": "2"}}, "ReturnValues": "UPDATED_NEW"});
    let result = run_twice(router(&table), &arn("updateItem"), &parameters).await.unwrap();
    assert_eq!(result["Attributes"], json!({"n": {"N": "1"}}));
    let engine = engine_on(router(&table));
    one(&engine, "again", &arn("updateItem"), &parameters).await.unwrap();
    let refused = one(&engine, "third", &arn("updateItem"), &parameters).await.unwrap_err();
    assert_eq!(refused.0, "DynamoDB.ConditionalCheckFailedException");
    let get = json!({"TableName": "table", "Key": {"id": {"S": "1"}}});
    let result = one(&engine, "get", &arn("getItem"), &get).await.unwrap();
    assert_eq!(result["Item"]["n"], json!({"N": "2"}));
    one(&engine, "delete", &arn("deleteItem"), &get).await.unwrap();
    assert_eq!(one(&engine, "gone", &arn("getItem"), &get).await.unwrap().get("Item"), None);
}

#[tokio::test]
async fn a_failed_condition_can_be_caught() {
    let engine = engine_on(router(&table()));
    let definition = json!({"StartAt": "Put", "States": {
        "Put": {"Type": "Task", "Resource": arn("putItem"), "Parameters": {"TableName": "table", "Item": {"id": {"S": "1"}}, "ConditionExpression": "attribute_not_exists(id)"},
            "ResultPath": null, "Next": "Put", "Catch": [{"ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"], "ResultPath": null, "Next": "There"}]},
        "There": {"Type": "Succeed"}}});
    assert_eq!(run(&engine, "e", &definition, json!({"kept": 1})).await, Ok(json!({"kept": 1})));
}
