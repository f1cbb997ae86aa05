//! Protobuf at the edge: mutual TLS identity, typed client and server.
