"""Origins that tricksters send for a stage whose pages live at https://www.example.com."""

LISTED = "https://www.example.com"

TRICKS = (
    "", "null", "*", "https://*", "https://*.example.com", "http://www.example.com", "https://example.com",
    "https://www.example.com/", "https://www.example.com:443", "https://www.example.com:8443", "https://www.example.com.",
    "https://www.example.com.evil.example", "https://www.example.comevil.example", "https://www.example.co",
    "https://evil.example/www.example.com", "https://evil.example/https://www.example.com",
    "https://evil.example?https://www.example.com", "https://evil.example#https://www.example.com",
    "https://www.example.com@evil.example", "https://evil.example@www.example.com", "https://evil-www.example.com",
    "https://wwwwexample.com", "https://wwwXexample.com", "https://www-example.com", "https://a.www.example.com",
    "https://xn--www-example-com.example", "https://www.exаmple.com", "https://www.example.com%00.evil.example",
    "https://www.example.com%2eevil.example", "https://www.example.com\\.evil.example", "https://www.example.com evil.example",
    "https://www.example.com, https://evil.example", "https://evil.example, https://www.example.com",
    "https://evil.example https://www.example.com", "https:www.example.com", "https:///www.example.com",
    "//www.example.com", "www.example.com", "file://www.example.com", "chrome-extension://www.example.com",
    "data:text/html,https://www.example.com", "javascript://www.example.com", "https://[::1]", "http://localhost",
    "http://127.0.0.1", "https://www.example.com`.evil.example", "https://www.example.com_.evil.example",
)  # fmt: skip
