"""Owns the fleet's certificate authority: its key, and the certificates of treadmills, brokers and staff.

Must never see the key of a treadmill, and never let a treadmill's certificate stand for a server.
"""

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sensors.advice import Failure

AUTHORITY_DAYS = 20 * 365
# As long as a device lives: an end that everybody forgets would silence every treadmill of a chain in one month. What
# is lost or stolen is revoked.
DAYS = 10 * 365
BEFORE = timedelta(days=1)  # clocks differ
RESERVED = ("fleet", "floor", "ca", "enroll")  # names that are nobody's treadmill
_Key = ec.EllipticCurvePrivateKey


class Authority:
    """The authority in `folder`, made at its first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key_path, path = folder / "ca.key", folder / "ca.pem"
        if not key_path.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = _authority(key)
            _write(path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
            _write(key_path, _pem_of(key), 0o600)
        loaded = serialization.load_pem_private_key(key_path.read_bytes(), None)
        assert isinstance(loaded, _Key)
        self._key = loaded
        self.pem = path.read_bytes()
        self._certificate = x509.load_pem_x509_certificate(self.pem)

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the authority's certificate: what a code carries."""
        return self._certificate.fingerprint(hashes.SHA256())

    def sign(self, request_pem: bytes, name: str, now: datetime) -> x509.Certificate:
        """A treadmill's certificate. What the request says of itself is ignored but its key. Raises ValueError."""
        request = x509.load_pem_x509_csr(request_pem)
        key = request.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("no P-256 key")
        try:
            right = request.is_signature_valid
        except InvalidSignature:
            right = False
        if not right:
            raise ValueError("not signed by its own key")
        return self._certified(key, name, ExtendedKeyUsageOID.CLIENT_AUTH, now)

    def client(self, name: str, now: datetime) -> None:
        """Key and certificate of the fleet page or of staff: NAME.key and NAME.pem in the folder."""
        self._pair(name, ExtendedKeyUsageOID.CLIENT_AUTH, now, [])

    def server(self, name: str, hosts: list[str], now: datetime) -> None:
        """Key and certificate of a broker that is reached as one of `hosts`: NAME.key and NAME.pem in the folder."""
        self._pair(name, ExtendedKeyUsageOID.SERVER_AUTH, now, hosts)

    def revocations(self, revoked: dict[int, datetime], now: datetime) -> bytes:
        """The list of certificates that are not to be believed any more, for the broker."""
        made = x509.CertificateRevocationListBuilder().issuer_name(self._certificate.subject)
        made = made.last_update(now - BEFORE).next_update(now + timedelta(days=AUTHORITY_DAYS))
        for serial, since in revoked.items():
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since).build()
            made = made.add_revoked_certificate(one)
        return made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _pair(self, name: str, use: x509.ObjectIdentifier, now: datetime, hosts: list[str]) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certified(key.public_key(), name, use, now, hosts)
        _write(self._folder / f"{name}.key", _pem_of(key), 0o600)
        _write(
            self._folder / f"{name}.pem",
            certificate.public_bytes(serialization.Encoding.PEM) + self.pem,
            0o644,
        )

    def _certified(
        self,
        key: ec.EllipticCurvePublicKey,
        name: str,
        use: x509.ObjectIdentifier,
        now: datetime,
        hosts: list[str] | None = None,
    ) -> x509.Certificate:
        made = (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(self._certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BEFORE)
            .not_valid_after(now + timedelta(days=DAYS))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        if hosts:
            made = made.add_extension(x509.SubjectAlternativeName([_host(h) for h in hosts]), critical=False)
        return made.sign(self._key, hashes.SHA256())


def _authority(key: _Key) -> x509.Certificate:
    name, now = _named("Rearguard fleet"), datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _pem_of(key: _Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    """A key is never readable for others, not even for a moment. Raises Failure."""
    try:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Failure(f"fleet: cannot write {path}: {error.strerror}") from None
