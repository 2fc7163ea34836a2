"""
The local companion: what stands beside the emulated AWS so that a person can watch the application work.

One process on 127.0.0.1 with two ports. The HTTP port is the front door (a bare host and port, as a custom domain
would be, that passes everything it does not own to the deployed HTTP API), the mail inbox, the Slack stand-in, a site
to visit, and an index at `/_companion`. The SMTP port receives what the emulator relays, and for each mail the companion publishes the
SES `Send` event which the emulator does not send. It holds no business rule and is never deployed.
"""
