"""The secrets of vendors, one row each: how one begins, its characters, and the least of them.

A new vendor is one more row. Pattern, pre-check and an example for the tests are made of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gateway.privacy.detectors.triggers import Trigger, word

HEX, DIGITS, ALNUM, WORD, BASE64 = "0-9a-f", "0-9", "0-9A-Za-z", r"\w\-", r"0-9A-Za-z+/"
UPPER, LOWER, DOTTED = "0-9A-Z", "0-9a-z", r"\w.\-"
RANDOM = r"(?=[\w\-+/]{10})(?:[0-9A-Za-z]{16}|[A-Za-z_\-]{0,30}+[0-9])"
RANDOM_BASE64 = RANDOM[:-1] + r"|[\w+/]{16})"
"""How random text begins, and hardly any other: long without a break, or soon with a digit."""
UUID = "[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
UUID_EXAMPLE = "0b62ab60-02ad-4f69-a181-d9c5eb2f97fa"


Check = Callable[[str], bool]
_MOST_CHECKED = 256


def is_mixed(secret: str) -> bool:
    """Random text has digits and letters; words and lower-case names have not."""
    return any(map(str.isdecimal, secret)) and any(map(str.isalpha, secret))


@dataclass(frozen=True, slots=True)
class Vendor:
    """How a vendor's secrets are written."""

    name: str
    prefixes: str
    """All of them, with spaces between."""
    alphabet: str = ALNUM
    """What follows the prefix, as a class of a regular expression without its brackets."""
    length: int = 20
    """The least that follows."""
    tail: str = ""
    """A pattern of what follows, where a class and a length do not say it; then with `example`."""
    example: str = ""
    """For the tests, what follows the prefix."""
    check: Check | None = None
    """Whether what was found is one: for prefixes that words begin with, too."""

    @property
    def body(self) -> str:
        most = _MOST_CHECKED if self.check else ""  # what fails its check is read again and again
        return self.tail or f"[{self.alphabet}]{{{self.length},{most}}}"

    @property
    def triggers(self) -> Iterator[Trigger]:
        """What the pre-check looks for: the end of the prefix, with random text behind it."""
        for prefix in self.prefixes.split():
            if prefix.endswith(("live_", "test_", "prod_")):
                yield word(prefix, after=f"[{ALNUM}]{{6}}", at_end=True)
            elif prefix[-1] in "_-.+" and self.length >= 10:
                after = RANDOM_BASE64 if prefix[-1] == "_" else RANDOM
                yield word(prefix, after=after, at_end=True)
            else:
                after = self.tail or f"[{self.alphabet}]{{{min(self.length, 16)}}}"
                yield word(prefix, after=after, at_end=prefix[-1] in "AKJCT$")

    @property
    def examples(self) -> list[str]:
        """One for each prefix, made up."""
        return [prefix + (self.example or self._made()) for prefix in self.prefixes.split()]

    def _made(self) -> str:
        letters = [c for c in map(chr, range(48, 123)) if re.match(f"[{self.alphabet}]", c)]
        return "".join(letters[i * 7 % len(letters)] for i in range(self.length))


VENDORS = (
    # Clouds.
    Vendor("Amazon", "AKIA ASIA AROA AIDA AGPA ANPA ABIA ACCA", UPPER, 16),
    Vendor("Amazon Bedrock", "ABSK", BASE64, 60),
    Vendor("Amazon MWS", "amzn.mws.", tail=UUID, example=UUID_EXAMPLE),
    Vendor("Google", "AIza", WORD, 20),
    Vendor("Google OAuth", "ya29.", WORD, 16),
    Vendor("Google OAuth client", "GOCSPX-", WORD, 16),
    Vendor("Firebase", ":APA91b", WORD, 40),
    Vendor("Azure AD", "8Q~ 7Q~", r"\w.~\-", 31),
    Vendor("DigitalOcean", "dop_v1_ doo_v1_ dor_v1_", HEX, 32),
    Vendor("Heroku", "HRKU-", WORD, 30),
    Vendor("Fly.io", "fm2_ fm1r_ fo1_", BASE64, 40),
    Vendor("Cloudflare", "v1.0-", r"0-9a-f\-", 100),
    Vendor("Cloudflare user", "cfut_ cfat_", WORD, 30),
    Vendor("Netlify", "nfp_", ALNUM, 30),
    Vendor("Vercel", "vcp_ vci_ vca_ vcr_ vck_", ALNUM, 20),
    Vendor("Render", "rnd_", ALNUM, 20, check=is_mixed),
    Vendor("Scalingo", "tk-us-", WORD, 40),
    Vendor("Tailscale", "tskey-", WORD, 16),
    # Code.
    Vendor("GitHub", "ghp_ gho_ ghu_ ghs_ ghr_", ALNUM, 16),
    Vendor("GitHub fine-grained", "github_pat_", r"\w", 20),
    Vendor(
        "GitLab",
        "glpat- glptt- gldt- glrt- glsoat- glcbt- glft- glimt- glagent- gloas-",
        WORD,
        16,
    ),
    Vendor("GitLab runner", "GR1348941", WORD, 20),
    Vendor("Bitbucket", "ATBB", ALNUM, 24),
    Vendor("Atlassian", "ATATT3 ATCTT3", r"\w=\-", 40),
    Vendor("npm", "npm_", ALNUM, 20),
    Vendor("PyPI", "pypi-", WORD, 20),
    Vendor("RubyGems", "rubygems_", HEX, 40),
    Vendor("NuGet", "oy2", LOWER, 43),
    Vendor("Clojars", "CLOJARS_", LOWER, 40),
    Vendor("Docker", "dckr_pat_ dckr_oat_", WORD, 20),
    Vendor("CircleCI", "CCIPAT_ CCIPRJ_", r"\w", 40),
    Vendor("Buildkite", "bkua_ bkpt_", HEX, 30),
    Vendor("Pulumi", "pul-", HEX, 40),
    Vendor("Artifactory", "AKCp", ALNUM, 50),
    Vendor("Artifactory reference", "cmVmdGtu", ALNUM, 50),
    Vendor("SonarQube", "sqp_ squ_ sqa_", HEX, 40),
    Vendor("Terraform", ".atlasv1.", WORD, 40),
    Vendor("Vault", "hvs. hvb. hvr.", WORD, 20),
    Vendor("Vault before 1.10", "s.", ALNUM, 24, check=is_mixed),
    Vendor("Doppler", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"\w.", 40),
    Vendor("1Password", "ops_eyJ", WORD, 50),
    Vendor("age", "AGE-SECRET-KEY-1", UPPER, 40),
    Vendor("Prefect", "pnu_ pnb_", ALNUM, 30),
    Vendor("LaunchDarkly", "sdk- api- mob-", tail=UUID, example=UUID_EXAMPLE),
    # Models.
    Vendor("OpenAI", "sk-proj- sk-svcacct- sk-admin- sk-None-", WORD, 12),
    Vendor("Anthropic, OpenRouter", "sk-ant- sk-or-", WORD, 12),
    Vendor("OpenAI, DeepSeek, and others of that form", "sk-", WORD, 16, check=is_mixed),
    Vendor("Groq", "gsk_", ALNUM, 20),
    Vendor("xAI", "xai-", ALNUM, 20),
    Vendor("Perplexity", "pplx-", ALNUM, 20),
    Vendor("Replicate", "r8_", ALNUM, 30),
    Vendor("Hugging Face", "hf_ api_org_", ALNUM, 20),
    Vendor("Cerebras", "csk-", LOWER, 30),
    Vendor("Fireworks", "fw_", ALNUM, 22, check=is_mixed),
    Vendor("Pinecone", "pcsk_", r"\w", 30),
    Vendor("LangSmith", "lsv2_pt_ lsv2_sk_ ls__", r"\w", 20),
    Vendor("NVIDIA", "nvapi-", WORD, 30),
    Vendor("Langfuse", "sk-lf- pk-lf-", tail=UUID, example=UUID_EXAMPLE),
    Vendor("Tavily", "tvly-", WORD, 20),
    Vendor("ElevenLabs", "sk_", HEX, 48),
    # Money.
    Vendor(
        "Stripe, Paystack",
        "sk_live_ sk_test_ sk_prod_ pk_live_ pk_test_ pk_prod_ rk_live_ rk_test_ rk_prod_",
        ALNUM, 6,
    ),
    Vendor("Stripe webhook", "whsec_", BASE64 + "=", 16),
    Vendor("Square", "sq0atp- sq0csp- sq0idp- sq0idb-", WORD, 20),
    Vendor("Square, Facebook", "EAAA EAAC", WORD + "%", 56),
    Vendor(
        "Braintree", "access_token$", tail=r"(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}",
        example="production$0123456789abcdef$0123456789abcdef0123456789abcdef",
    ),
    Vendor("Razorpay", "rzp_live_ rzp_test_", r"\w", 10),
    Vendor("Flutterwave", "FLWSECK-", r"0-9a-zA-Z\-", 30),
    Vendor("Flutterwave test", "FLWSECK_TEST-", r"0-9a-zA-Z\-", 12),
    Vendor(
        "Plaid", "access-production- access-development-",
        tail=UUID, example=UUID_EXAMPLE,
    ),
    Vendor("Shopify", "shpat_ shpca_ shppa_ shpss_", "0-9a-fA-F", 16),
    Vendor("Lob", "live_ test_", HEX, 35),
    Vendor("Shippo", "shippo_live_ shippo_test_", HEX, 30),
    Vendor("EasyPost", "EZAK EZTK", ALNUM, 50),
    Vendor("Duffel", "duffel_live_ duffel_test_", WORD, 30),
    # Messages.
    Vendor("Slack", "xox", tail=r"[a-eoprs][-.][\w.-]{10,}", example="b-17653672481-198746983"),
    Vendor("Slack app", "xapp-", WORD, 10),
    Vendor("Slack webhook", "/services/T /workflows/T /triggers/T", r"\w/", 20),
    Vendor("Twilio", "AC SK", HEX, 32),
    Vendor("SendGrid", "SG.", tail=r"[\w-]{10,}\.[\w-]{10,}", example="ngeVfQFY4QlK5.TwL2iGABf9"),
    Vendor("Mailgun", "key-", HEX, 32),
    Vendor("Brevo", "xkeysib- xsmtpsib-", r"0-9a-zA-Z\-", 40),
    Vendor("Resend", "re_", r"\w", 24, check=is_mixed),
    Vendor("Intercom, LinkedIn", "WPL_AP1. WPL_AP0.", r"\w.", 16),
    Vendor("Instagram", "IGQVJ", WORD + "%", 60),
    Vendor("Twitter", "AAAAAAAAAAAAAAAAAAAAA", WORD + "%", 40),
    # Tools.
    Vendor("Grafana", "glsa_", r"\w", 32),
    Vendor("Grafana Cloud", "glc_", BASE64 + "=", 30),
    Vendor("New Relic", "NRAK- NRII- NRJS- NRRA-", WORD, 16),
    Vendor("Sentry", "sntrys_ sntryu_ sntrya_ sntryi_", BASE64 + "_=", 40),
    Vendor("Datadog", "ddp_", ALNUM, 30),
    Vendor("Dynatrace", "dt0c01. dt0s01. dt0s16.", r"0-9A-Z.", 64),
    Vendor("PagerDuty", "pdus+ pdeu+", WORD, 18),
    Vendor("Postman", "PMAK-", r"0-9a-f\-", 30),
    Vendor("PostHog", "phx_ phs_ phr_", ALNUM, 30),
    Vendor("Segment", "sgp_", ALNUM, 40),
    Vendor("Mapbox", "sk.eyJ", DOTTED, 40),
    Vendor("Supabase", "sbp_", HEX, 30),
    Vendor("Supabase secret", "sb_secret_", r"\w\-", 20),
    Vendor("PlanetScale", "pscale_tkn_ pscale_pw_ pscale_oauth_", WORD, 30),
    Vendor("Neon", "napi_", LOWER, 40),
    Vendor("Figma", "figd_ figo_ figr_", WORD, 30),
    Vendor("Notion", "ntn_", ALNUM, 40),
    Vendor("Notion before 2024", "secret_", ALNUM, 43),
    Vendor("Linear", "lin_api_ lin_oauth_", ALNUM, 20),
    Vendor("HubSpot", "pat-na1- pat-na2- pat-eu1- pat-ap1-", tail=UUID, example=UUID_EXAMPLE),
    Vendor("Typeform", "tfp_", WORD, 40),
    Vendor("Contentful", "CFPAT-", WORD, 40),
    Vendor("Dropbox", "sl.", WORD, 100),
    Vendor("Frame.io", "fio-u-", WORD, 60),
    Vendor("ReadMe", "rdme_", LOWER, 60),
)  # fmt: skip
