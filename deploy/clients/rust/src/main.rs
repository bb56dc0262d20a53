//! Drives the crate `warp10`: writes, finds, runs a script. What came of it goes to the standard
//! output.

use std::env::var;

use warp10::{Client, Data, GeoValue, Label, Value};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder()
        .url(&var("WEFT_URL")?)
        .read_token(&var("WEFT_READ")?)
        .write_token(&var("WEFT_WRITE")?)
        .build()?;
    let at = time::OffsetDateTime::from_unix_timestamp(1_700_000_000)?;
    let labels = || vec![Label::new("a label", "a value"), Label::new("b", "=,{}")];
    let place = || Some(GeoValue::new(42.5, 62.25, Some(10)));
    let name = |kind: &str| format!("rust.{kind}");
    let data = vec![
        Data::new(at, place(), name("string"), labels(), Value::String("some text".to_owned())),
        Data::new(at, None, name("long"), labels(), Value::Long(-7)),
        Data::new(at, None, name("double"), labels(), Value::Double(2.5)),
        Data::new(at, None, name("boolean"), labels(), Value::Boolean(true)),
    ];
    println!("update {}", client.get_writer().post(data).await?.status());
    let found = client.find("~rust[.].*{}").await?;
    println!("find {:?}", found.series());
    let response = client.exec("1 2 + 3 4 +").await?;
    println!("exec {} {:?} {}", response.body, response.meta.ops, response.meta.elapsed.is_some());
    println!("error {:?}", client.exec("1 'a' FOO").await.err().map(|error| error.to_string()));
    let other = Client::builder().url(&var("WEFT_URL")?).write_token("not.a.token").build()?;
    let one = vec![Data::new(at, None, name("x"), vec![], Value::Long(1))];
    let refused = other.get_writer().post(one).await;
    println!("refused {:?}", refused.err().map(|error| error.to_string()));
    Ok(())
}
