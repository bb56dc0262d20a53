//! Names of the HTTP headers that requests and responses carry; each can be changed by a
//! configuration key.

/// Header names, in the case in which they are written. Comparing ignores case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderNames {
    /// `http.header.token`: the token of update, meta, delete, fetch and find.
    pub token: String,
    /// `http.header.now`: update's base tick.
    pub now: String,
    /// `http.header.timeshift`: added to every tick of an update.
    pub timeshift: String,
    /// `http.header.attributes`: `delta` changes attributes one by one.
    pub attributes: String,
    /// `http.header.fetch.signature`: makes a fetch a signed one.
    pub fetch_signature: String,
    /// `http.header.update.signature`.
    pub update_signature: String,
    /// `http.header.directory.signature`: signs requests to the directory.
    pub directory_signature: String,
    /// `http.header.elapsed`: nanoseconds a script took.
    pub elapsed: String,
    /// `http.header.ops`: operations of a script.
    pub ops: String,
    /// `http.header.fetched`: datapoints a script fetched.
    pub fetched: String,
    /// `http.header.error.line`: where a script failed.
    pub error_line: String,
    /// `http.header.error.message`: why a script failed.
    pub error_message: String,
    /// `http.header.error.position`: where in its line a script failed.
    pub error_position: String,
    /// `http.header.exposeheaders`: the symbol that holds the request's headers in a script.
    pub expose_headers: String,
    /// `http.header.capabilities`: tokens that grant capabilities to a script.
    pub capabilities: String,
    /// `http.header.timespan`: the span of a split fetch.
    pub timespan: String,
    /// `http.header.showerrors`: whether a split fetch ends with its error.
    pub show_errors: String,
    /// `http.header.webcall.uuid`: names an outgoing call.
    pub webcall_uuid: String,
    /// Not configurable: time units a second.
    pub time_unit: String,
}

impl Default for HeaderNames {
    fn default() -> Self {
        let name = |suffix: &str| format!("X-Warp10-{suffix}");
        Self {
            token: name("Token"),
            now: name("Now"),
            timeshift: name("Timeshift"),
            attributes: name("Attributes"),
            fetch_signature: name("Fetch-Signature"),
            update_signature: name("Update-Signature"),
            directory_signature: name("Directory-Signature"),
            elapsed: name("Elapsed"),
            ops: name("Ops"),
            fetched: name("Fetched"),
            error_line: name("Error-Line"),
            error_message: name("Error-Message"),
            error_position: name("Error-Position"),
            expose_headers: name("ExposeHeaders"),
            capabilities: name("Capabilities"),
            timespan: name("Timespan"),
            show_errors: name("ShowErrors"),
            webcall_uuid: name("WebCall"),
            time_unit: name("Timeunit"),
        }
    }
}

impl HeaderNames {
    /// The name that the configuration key `http.header.*` changes; `None` for other keys.
    pub fn by_key_mut(&mut self, key: &str) -> Option<&mut String> {
        Some(match key.strip_prefix("http.header.")? {
            "token" => &mut self.token,
            "now" => &mut self.now,
            "timeshift" => &mut self.timeshift,
            "attributes" => &mut self.attributes,
            "fetch.signature" => &mut self.fetch_signature,
            "update.signature" => &mut self.update_signature,
            "directory.signature" => &mut self.directory_signature,
            "elapsed" => &mut self.elapsed,
            "ops" => &mut self.ops,
            "fetched" => &mut self.fetched,
            "error.line" => &mut self.error_line,
            "error.message" => &mut self.error_message,
            "error.position" => &mut self.error_position,
            "exposeheaders" => &mut self.expose_headers,
            "capabilities" => &mut self.capabilities,
            "timespan" => &mut self.timespan,
            "showerrors" => &mut self.show_errors,
            "webcall.uuid" => &mut self.webcall_uuid,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_change_names() {
        let mut names = HeaderNames::default();
        *names.by_key_mut("http.header.token").unwrap() = "X-CityzenData-Token".to_owned();
        assert_eq!(names.token, "X-CityzenData-Token");
        assert_eq!(names.by_key_mut("http.header.datalog"), None);
        assert_eq!(names.by_key_mut("http.port"), None);
    }
}
