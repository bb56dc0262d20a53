//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Settings, WEFT_KEYS, choose};
use crate::{backup, load, runner, script, start, token, vectors};

/// The Warp 10 platform in one binary: geo time series in, found, fetched, deleted, kept.
#[derive(Debug, Parser)]
#[command(name = "weft", version, arg_required_else_help = true)]
#[command(after_help = "Begin with `weft start`: without a configuration it makes one in \
                        ./weft-data, with fresh keys and tokens, and prints a first curl line.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the components that the configuration names (all of them, when it names none).
    #[command(after_help = "Examples:\n  weft start\n  weft start /etc/weft/weft.conf local.conf")]
    Start {
        /// Configuration files; later ones win. Without any, ./weft-data is used, and made first.
        conf: Vec<PathBuf>,
        /// Where groups begin that have no offsets on the brokers: needed where *.zkconnect says
        /// that offsets may be in ZooKeeper, and none were imported.
        #[arg(long, value_enum)]
        from: Option<start::From>,
    },
    /// Load files of datapoints (text input format, plain or gzip) into a running platform.
    #[command(after_help = "Examples:\n  weft load earthquakes.gts flights.gts.gz\n  \
                            weft load --url http://127.0.0.1:8080 --token WRITE data.gts\n\n\
                            It goes on where it stopped: a small state file beside ./weft-data \
                            remembers, by content, how much of a file was stored.")]
    Load(load::Options),
    /// Copy a node's data, keys and tokens into a new folder, while it runs or not.
    #[command(after_help = "Examples:\n  weft backup /backups/monday\n  weft backup --home \
                            /var/lib/weft /backups/monday\n\nEverything acknowledged before it \
                            began is in it. The copy is checked before it counts as one.")]
    Backup {
        /// The folder of the copy, which is made. The node writes it, as its own user.
        target: PathBuf,
        /// The folder of the node: its weft.home.
        #[arg(long, default_value = "weft-data")]
        home: PathBuf,
    },
    /// Make a node's folder from a backup.
    #[command(after_help = "Examples:\n  weft restore /backups/monday\n  weft restore \
                            /backups/monday --home /var/lib/weft")]
    Restore {
        /// What weft backup made.
        backup: PathBuf,
        /// The folder of the node: its weft.home. It must not be there, or be empty.
        #[arg(long, default_value = "weft-data")]
        home: PathBuf,
    },
    /// Check everything that a stopped node, or a backup, has on disk; changes nothing.
    #[command(
        after_help = "Examples:\n  weft fsck\n  weft fsck /backups/monday\n\nIt ends with 0 \
                            when all is whole, with 1 when something is damaged or cannot be \
                            read."
    )]
    Fsck {
        /// The node's weft.home, or a backup.
        #[arg(default_value = "weft-data")]
        folder: PathBuf,
    },
    /// Run a script without a server; its stack goes to standard output as JSON.
    #[command(after_help = "Examples:\n  weft exec script.mc2\n  echo '1 2 +' | weft exec -")]
    Exec(script::Options),
    /// Run scripts that check themselves with ASSERT; the ones that fail are told.
    #[command(after_help = "Examples:\n  weft test checks/*.mc2")]
    Test {
        /// The scripts.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// A configuration file. May be given several times.
        #[arg(long)]
        conf: Vec<PathBuf>,
    },
    /// Run statements as they are typed.
    Repl {
        /// A configuration file. May be given several times.
        #[arg(long)]
        conf: Vec<PathBuf>,
    },
    /// List the words of the library.
    Words {
        /// With all that is known of them: one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Print the documentation of a word.
    Doc {
        /// Its name.
        word: String,
    },
    /// Check the codecs against a folder of golden vectors (JSON lines).
    Vectors {
        /// The folder.
        dir: PathBuf,
    },
    /// Make and read tokens.
    #[command(subcommand)]
    Token(token::Command),
    /// Look at runners.
    #[command(subcommand)]
    Runner(runner::Command),
    /// Print fresh keys for a configuration.
    Keys {
        /// With those that sign and wrap what processes of a cluster tell each other.
        #[arg(long)]
        cluster: bool,
    },
    /// Move a consumer group between ZooKeeper and Kafka's brokers.
    #[cfg(feature = "kafka")]
    #[command(subcommand)]
    Offsets(crate::offsets::Command),
    /// Look into configurations.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Read configuration files, and say what is wrong and what has no effect.
    Check {
        /// The files; later ones win.
        #[arg(required = true)]
        conf: Vec<PathBuf>,
    },
    /// List Weft's own keys.
    Keys,
}

/// Runs the command: 0 when all went well, 1 when not, 2 when it was not understood.
pub(crate) fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Start { conf, from } => start::start(&conf, from),
        Command::Load(options) => load::load(&options),
        Command::Backup { target, home } => backup::backup(&home, &target),
        Command::Restore { backup, home } => backup::restore(&backup, &home),
        Command::Fsck { folder } => backup::fsck(&folder),
        Command::Exec(options) => script::exec(&options),
        Command::Test { files, conf } => script::test(&files, &conf),
        Command::Repl { conf } => script::repl(&conf),
        Command::Words { json } => script::words(json),
        Command::Doc { word } => script::doc(&word),
        Command::Vectors { dir } => vectors::check(&dir),
        Command::Token(command) => token::run(&command),
        Command::Runner(command) => runner::run(&command),
        Command::Keys { cluster } => keys(cluster),
        #[cfg(feature = "kafka")]
        Command::Offsets(command) => crate::offsets::run(command),
        Command::Config(ConfigCommand::Check { conf }) => check(&conf),
        Command::Config(ConfigCommand::Keys) => own_keys(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("weft: {message}");
            ExitCode::FAILURE
        }
    }
}

fn keys(for_cluster: bool) -> Result<(), String> {
    print!("{}", crate::home::fresh_keys(for_cluster)?);
    Ok(())
}

fn check(conf: &[PathBuf]) -> Result<(), String> {
    let settings = Settings::read(conf).map_err(|error| error.to_string())?;
    let choice = choose(&settings).map_err(|error| error.to_string())?;
    let plan = crate::plan::Plan::new(&settings, &choice).map_err(|error| error.to_string())?;
    #[cfg(feature = "kafka")]
    plan.topics().into_iter().try_for_each(crate::backends::check_kafka)?;
    #[cfg(not(feature = "kafka"))]
    drop(plan);
    for warning in settings.warnings() {
        println!("warning: {warning}");
    }
    for line in settings.without_effect() {
        println!("{line}");
    }
    println!("ok: {} ({})", choice.words(), choice.reason);
    Ok(())
}

fn own_keys() -> Result<(), String> {
    for (key, kind, default, what) in WEFT_KEYS {
        println!("{key} ({kind:?}, default {default}): {what}");
    }
    Ok(())
}
