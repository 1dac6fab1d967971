//! A small HTTP/1.1 client: one kept connection, bodies by length or in chunks.

use super::PATIENCE;
use serde_json::Value;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

/// A client of one server. Its connection is kept, and made anew after a failure.
#[derive(Debug)]
pub(crate) struct Http {
    address: String,
    key: String,
    connection: Option<BufReader<TcpStream>>,
}

/// A reply.
#[derive(Debug)]
pub(crate) struct Response {
    /// Status code.
    pub(crate) status: u16,
    /// Headers by lower-case name.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, whole.
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// A header, by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of a problem document; empty for other replies.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The body as JSON, where the status is a success.
    pub(crate) fn done(&self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text());
        self.json()
    }
}

impl Http {
    /// A client of the server at `address`; without a key where it is empty.
    pub(crate) fn new(address: &str, key: &str) -> Self {
        Self { address: address.to_owned(), key: key.to_owned(), connection: None }
    }

    /// A GET.
    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.call("GET", path, &[], b"")
    }

    /// A POST of JSON.
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Response {
        self.post_with(path, &[], body)
    }

    /// A POST of JSON with headers besides.
    pub(crate) fn post_with(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Response {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        self.call("POST", path, &all, body.to_string().as_bytes())
    }

    /// A call that has to be answered.
    pub(crate) fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        self.try_call(method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// A call that may break off, as it does when the server is killed. Whether the server has acted is then
    /// unknown.
    pub(crate) fn try_call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        let mut connection = self.send(method, path, headers, body)?;
        let (status, headers) = read_head(&mut connection)?;
        let body = read_body(&mut connection, &headers)?;
        let response = Response { status, headers, body };
        if response.header("connection") != Some("close") {
            self.connection = Some(connection);
        }
        Ok(response)
    }

    /// Opens a stream of server-sent events.
    pub(crate) fn stream(&mut self, path: &str, headers: &[(&str, &str)]) -> Events {
        let mut connection = self.send("GET", path, headers, b"").unwrap();
        let (status, headers) = read_head(&mut connection).unwrap();
        assert_eq!(status, 200, "{path}: {headers:?}");
        let chunked =
            headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        assert!(chunked, "a stream comes in chunks: {headers:?}");
        Events { connection, unread: Vec::new() }
    }

    fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<BufReader<TcpStream>> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.address)?,
        };
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n",
            self.address,
            body.len()
        );
        if !self.key.is_empty() {
            request.extend(["authorization: Bearer ", &self.key, "\r\n"]);
        }
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        connection.get_mut().write_all(&bytes)?;
        Ok(connection)
    }
}

fn connect(address: &str) -> io::Result<BufReader<TcpStream>> {
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(socket))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn read_line(connection: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    if connection.read_line(&mut line)? == 0 || !line.ends_with('\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

fn read_head(connection: &mut BufReader<TcpStream>) -> io::Result<(u16, Vec<(String, String)>)> {
    let line = read_line(connection)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| invalid("a reply begins with its status"))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(connection)?;
        if line.is_empty() {
            return Ok((status, headers));
        }
        let (name, value) = line.split_once(':').ok_or_else(|| invalid("a header has a colon"))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn read_body(
    connection: &mut BufReader<TcpStream>,
    headers: &[(String, String)],
) -> io::Result<Vec<u8>> {
    let header =
        |name: &str| headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str());
    if let Some(length) = header("content-length") {
        let length = length.parse().map_err(|_| invalid("a length is a number"))?;
        return read_exactly(connection, length);
    }
    let mut body = Vec::new();
    if header("transfer-encoding") == Some("chunked") {
        while let Some(chunk) = read_chunk(connection)? {
            body.extend(chunk);
        }
    }
    Ok(body)
}

fn read_exactly(connection: &mut BufReader<TcpStream>, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    connection.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_chunk(connection: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let line = read_line(connection)?;
    let length =
        usize::from_str_radix(line.trim(), 16).map_err(|_| invalid("a chunk has a size"))?;
    let chunk = read_exactly(connection, length)?;
    read_line(connection)?;
    Ok((length > 0).then_some(chunk))
}

/// A stream of server-sent events.
#[derive(Debug)]
pub(crate) struct Events {
    connection: BufReader<TcpStream>,
    unread: Vec<u8>,
}

/// One server-sent event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Its id.
    pub(crate) id: String,
    /// Its type.
    pub(crate) event: String,
    /// Its data.
    pub(crate) data: String,
}

impl Events {
    /// The next event; `None` where the server has ended the stream. Comments are passed over.
    pub(crate) fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.unread.drain(..end + 2).collect();
                let sent = sent(std::str::from_utf8(&block).unwrap());
                if sent != Sent::default() {
                    return Some(sent);
                }
                continue;
            }
            let chunk = read_chunk(&mut self.connection).ok().flatten()?;
            self.unread.extend(chunk);
        }
    }
}

fn sent(block: &str) -> Sent {
    let mut sent = Sent::default();
    for line in block.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => value.clone_into(&mut sent.id),
            "event" => value.clone_into(&mut sent.event),
            "data" => sent.data.push_str(value),
            _ => {}
        }
    }
    sent
}
