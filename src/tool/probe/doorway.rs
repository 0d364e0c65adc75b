//! Where a name leads to: its addresses, and the certificate that is shown there, be it trusted or not.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error,
    SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

/// Returns the addresses of a name by the system's resolver, which may take as long as it likes.
pub(crate) fn addresses_of(name: &str) -> io::Result<Vec<IpAddr>> {
    let found = (name, 0).to_socket_addrs()?;
    Ok(found.map(|address| address.ip()).collect())
}

/// Tells whether an address is one of this machine's: no other can be listened on.
pub(crate) fn is_ours(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// Returns the certificate that is shown for a name at an address, in DER form; nothing is sent there but the greeting.
pub(crate) fn certificate_at(
    address: SocketAddr,
    name: &str,
    limit: Duration,
) -> io::Result<Vec<u8>> {
    let provider = Arc::new(ring::default_provider());
    let witness = Arc::new(Witness {
        provider: Arc::clone(&provider),
        seen: Mutex::default(),
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&witness) as _)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
    let mut session = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    let ended = session.complete_io(&mut stream);
    let seen = witness.seen.lock().unwrap_or_else(PoisonError::into_inner);
    match (seen.clone(), ended) {
        (Some(certificate), _) => Ok(certificate),
        (None, Err(error)) => Err(error),
        (None, Ok(_)) => Err(io::Error::other("no certificate was shown")),
    }
}

/// Notes the certificate that it is shown, and refuses it, so that no connection ever rests on it.
#[derive(Debug)]
struct Witness {
    /// What says which signatures a server may offer.
    provider: Arc<CryptoProvider>,
    /// The certificate.
    seen: Mutex<Option<Vec<u8>>>,
}

/// What every question is answered with.
const REFUSED: Error = Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Some(certificate.to_vec());
        Err(REFUSED)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(REFUSED)
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(REFUSED)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, net::TcpListener};

    use super::*;

    #[test]
    fn an_address_is_ours_when_it_can_be_listened_on() {
        assert!(is_ours("127.0.0.1".parse().unwrap()));
        // For documentation: no machine has it.
        assert!(!is_ours("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn what_does_not_speak_tls_shows_no_certificate() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").ok();
        });
        let limit = Duration::from_secs(10);
        assert!(certificate_at(address, "a.example.org", limit).is_err());
        server.join().unwrap();
    }
}
