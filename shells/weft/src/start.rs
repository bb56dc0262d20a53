//! `weft start`: everything up, until a signal.

use std::path::{Path, PathBuf};

use weft_daemons::contract::log::Start;

use crate::config::{Settings, choose};
use crate::node::Node;
use crate::plan::Plan;
use crate::report::{info, warn};
use crate::{home, token};

/// Where groups begin that have no offsets.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum From {
    /// With the oldest record there is.
    Earliest,
    /// With what comes from now on.
    Latest,
}

/// Starts the components that the configuration names, and serves until it is told to stop.
pub(crate) fn start(conf: &[PathBuf], from: Option<From>) -> Result<(), String> {
    let own_home = PathBuf::from("weft-data");
    let conf = if conf.is_empty() { vec![home::prepare(&own_home)?] } else { conf.to_vec() };
    let is_own = conf[0].starts_with(&own_home) && conf.len() == 1;
    let settings = Settings::read(&conf).map_err(|error| error.to_string())?;
    let choice = choose(&settings).map_err(|error| error.to_string())?;
    let mut plan = Plan::new(&settings, &choice).map_err(|error| error.to_string())?;
    if let Some(from) = from {
        plan.begin_at(match from {
            From::Earliest => Start::Earliest,
            From::Latest => Start::Latest,
        });
    }
    for warning in settings.warnings() {
        warn("configuration", warning);
    }
    for line in settings.without_effect() {
        warn("configuration", &line);
    }
    info("start", &format!("{} ({})", choice.words(), choice.reason));
    if let Err(error) = weft_memory::watch() {
        warn("start", &format!("memory is not given back after bursts: {error}"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(serve(plan, is_own.then_some(own_home.as_path())))
}

async fn serve(plan: Plan, own_home: Option<&Path>) -> Result<(), String> {
    // Before anything is up, so that no signal is missed.
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(|error| error.to_string())?;
    let keys = plan.token_keys().clone();
    // What it stands on may be long in coming.
    let node = tokio::select! {
        node = Node::start(plan) => node?,
        _ = terminate.recv() => return Ok(()),
        result = tokio::signal::ctrl_c() => return result.map_err(|error| error.to_string()),
    };
    let urls: Vec<String> = node.addresses().iter().map(|a| format!("http://{a}")).collect();
    info("start", &format!("listening at {}", urls.join(", ")));
    if let Some(home) = own_home {
        welcome(&urls[0], &home::tokens(home, &keys, token::now_ms())?);
    }
    tokio::select! {
        _ = terminate.recv() => {}
        result = tokio::signal::ctrl_c() => result.map_err(|error| error.to_string())?,
    }
    info("start", "stopping");
    node.stop().await;
    Ok(())
}

/// What a newcomer needs.
fn welcome(url: &str, (read, write): &(String, String)) {
    println!("\nWeft is up at {url}");
    println!("read token:  {read}\nwrite token: {write}");
    println!("(both in weft-data/{})\n\nA first datapoint:", home::TOKENS);
    println!(
        "  curl -H 'X-Warp10-Token: {write}' {url}/api/v0/update --data-binary \
         '// hello{{from=curl}} 42'"
    );
}
