"""Why no broker lets us in, in words that say what to mend: the driver's own say only that it is so."""

import asyncio
import contextlib
import ssl

from shared.bus.kafka.link import Link

_LOOK_SECONDS = 3.0
_REFUSAL_SECONDS = 0.5


async def why_not_in(link: Link) -> str:
    """What is wrong on the way to the first broker that is named."""
    place = str(link.options["bootstrap_servers"]).partition(",")[0]
    host, _, port = place.rpartition(":")
    context: ssl.SSLContext | None = link.options.get("ssl_context")
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=context)
            if context is not None:
                await _listen(reader)
            writer.close()
    except ssl.SSLCertVerificationError as error:
        return f"the certificate of {place} is not trusted ({error.verify_message}); look at TAM_KAFKA_SSL_CAFILE"
    except ssl.SSLError as error:
        if "CERTIFICATE" in (error.reason or ""):
            return f"{place} does not take our certificate, or wants one; look at TAM_KAFKA_SSL_CERTFILE"
        return f"{place} speaks no TLS; look at TAM_KAFKA_SECURITY_PROTOCOL"
    except (TimeoutError, ValueError, UnicodeError):
        return f"{place} does not answer"
    except OSError as error:
        return f"{place} cannot be reached ({(error.strerror or type(error).__name__).lower()})"
    if "sasl_mechanism" in link.options:
        return f"{place} does not let this user in; look at TAM_KAFKA_SASL_USERNAME, …_PASSWORD and …_MECHANISM"
    if context is None:
        return f"{place} answers, but not in clear; look at TAM_KAFKA_SECURITY_PROTOCOL"
    return f"{place} answers, but wants a user and a password; look at TAM_KAFKA_SECURITY_PROTOCOL"


async def _listen(reader: asyncio.StreamReader) -> None:
    """Hear whether our certificate is refused: with TLS 1.3 that comes after the handshake."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_REFUSAL_SECONDS):
            await reader.read(1)
