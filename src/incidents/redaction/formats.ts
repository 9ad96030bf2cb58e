import { addressFormats } from './http.ts';
import { anyOf, type Finder, format, type Report, type SecretFormat, within } from './mask.ts';
import { looksDrawn, looksRandom } from './secret-values.ts';

/**
 * Where a short prefix may begin: not inside a word, but behind an escape (`\n`, `%3D`, `\u0026`), whose letters are none of the
 * text's. Long prefixes need no such edge: whatever letter stands before `github_pat_`, a token follows.
 */
const edge = String.raw`(?:(?<![A-Za-z0-9])|(?<=\\[nrtbfv])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u00[0-9a-fA-F]{2})|(?<=\\x[0-9a-fA-F]{2}))`;
const mixed = (secret: string): boolean => /\d/.test(secret) && /[a-z]/i.test(secret);
const drawnTail = (secret: string): boolean => {
  const tail = secret.replace(/^[A-Za-z]{1,10}[-_.]/, '');
  return (
    looksRandom(tail) || tail.split(/[-_]/).some(part => part.length >= 12 && (looksDrawn(part) || looksRandom(part)))
  );
};

// Written here rather than taken from secretlint or gitleaks. secretlint's rules are asynchronous, meant for source files and want
// a word's edge on both sides of a token, which a log does not give (`\nsk-`, `/bot123:AA`). Gitleaks' rules are patterns for Go's
// engine: half of them are a vendor's name, an operator and a value, which the names of assignments cover for every vendor.
// What both know of prefixes and lengths is in this list. Prefixed formats are stable by design, so it ages slowly.
const secretFormats: readonly SecretFormat[] = [
  format('anthropic-key', 'sk-ant-', String.raw`sk-ant-[\w-]{8,}`),
  format('openrouter-key', 'sk-or-', String.raw`sk-or-[\w-]{16,}`),
  format(
    'openai-key',
    'sk-',
    String.raw`sk-(?:(?:proj|svcacct|admin|None)-[\w-]{16,}|[\w-]{10,200}T3BlbkFJ[\w-]{10,})`,
  ),
  format('openai-key', 'sk-', `${edge}sk-[A-Za-z0-9_-]{16,}`, drawnTail),
  format('openai-key', 'sk-', 'sk-[A-Za-z0-9]{32,}', looksRandom),
  format(
    'stripe-key',
    'sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_ pk_live_ pk_test_ pk_prod_ whsec_live_ whsec_test_',
    '(?:sk|rk|pk|whsec)_(?:live|test|prod)_[A-Za-z0-9]{8,}',
  ),
  format('webhook-secret', 'whsec_', 'whsec_[A-Za-z0-9+/=]{16,}'),
  format('github-token', 'ghp_ gho_ ghu_ ghs_ ghr_', 'gh[pousr]_[A-Za-z0-9]{20,}'),
  format('github-token', 'github_pat_', String.raw`github_pat_\w{20,}`),
  format(
    'gitlab-token',
    'glpat- gldt- glptt- glrt- glrtr- glcbt- glsoat- glimt- glagent- glft- gloas- glffct- glwt- GR1348941',
    String.raw`(?:gl(?:pat|dt|ptt|rt|rtr|cbt|soat|imt|agent|ft|oas|ffct|wt)-[\w.-]{16,}|GR1348941[\w-]{20})`,
  ),
  format('aws-key-id', 'AKIA ASIA ABIA ACCA A3T', '(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}(?![A-Z0-9])'),
  format(
    'aws-bedrock-key',
    'ABSK bedrock-api-key-',
    '(?:ABSK[A-Za-z0-9+/]{80,}={0,2}|bedrock-api-key-[A-Za-z0-9+/]{20,}={0,2})',
  ),
  format('google-key', 'AIza', String.raw`AIza[\w-]{30,}`),
  format('google-key', 'AQ.', String.raw`${edge}AQ\.[\w-]{40,}`),
  format('google-oauth', 'ya29. 1//0', String.raw`(?:ya29\.[\w.-]{16,}|1//0[\w-]{30,})`),
  format('google-oauth-secret', 'GOCSPX-', String.raw`GOCSPX-[\w-]{16,}`),
  format('slack-token', 'xox xapp- xwfp-', String.raw`(?:xox[abeoprsc]|xapp|xwfp)(?:-|\.)[\w.-]{10,}`),
  within(
    'discord-token',
    '.',
    String.raw`(?<![A-Za-z0-9+/.-])[MNO][A-Za-z\d_-]{22,27}\.[\w-]{6}\.[\w-]{27,45}(?![\w-])`,
  ),
  within('telegram-token', ':A %3AA', String.raw`\d{6,12}(?::|%3A)A[\w-]{33,36}(?![\w-])`),
  format('npm-token', 'npm_', 'npm_[A-Za-z0-9]{30,}'),
  format('pypi-token', 'pypi-', 'pypi-[A-Za-z0-9_-]{30,}', mixed),
  format(
    'huggingface-token',
    'hf_ api_org_',
    '(?:api_org|hf)_[A-Za-z0-9]{20,}',
    secret => /[A-Z]/.test(secret.slice(8)) || mixed(secret),
  ),
  format('sendgrid-key', 'SG.', String.raw`SG\.[\w-]{16,}\.[\w-]{16,}`),
  format('twilio-key', 'SK AC', '(?<![0-9A-Fa-f])(?:SK|AC)[0-9a-f]{32}(?![0-9A-Fa-f])'),
  format('mailgun-key', 'key-', 'key-[0-9a-f]{32}(?![0-9a-f])'),
  within('mailgun-key', '-', '(?<![0-9a-f-])[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}(?![0-9a-f-])'),
  within('mailchimp-key', '-us', String.raw`(?<![0-9a-f])[0-9a-f]{32}-us\d{1,2}(?!\w)`),
  format('brevo-key', 'xkeysib- xsmtpsib-', String.raw`x(?:key|smtp)sib-[0-9a-f]{32,}(?:-\w{10,})?`),
  format('digitalocean-token', 'doo_v1_ dop_v1_ dor_v1_', 'do[opr]_v1_[0-9a-f]{32,}'),
  format('shopify-token', 'shpat_ shpca_ shppa_ shpss_ shpua_', 'shp(?:at|ca|pa|ss|ua)_[0-9a-fA-F]{24,}'),
  format('square-token', 'sq0 EAAA', String.raw`(?:sq0[a-z]{3}-[\w-]{20,}|EAAA[\w-]{56,})`),
  format('databricks-token', 'dapi', String.raw`dapi[0-9a-f]{30,}(?:-\d)?`),
  format('groq-key', 'gsk_', 'gsk_[A-Za-z0-9]{20,}'),
  format('xai-key', 'xai-', 'xai-[A-Za-z0-9]{20,}'),
  format('perplexity-key', 'pplx-', 'pplx-[A-Za-z0-9]{20,}'),
  format('replicate-token', 'r8_', `${edge}r8_[A-Za-z0-9]{20,}`),
  format('fireworks-key', 'fw_', `${edge}fw_[A-Za-z0-9]{20,}`),
  format('cerebras-key', 'csk-', `${edge}csk-[A-Za-z0-9]{30,}`, mixed),
  format('langsmith-key', 'lsv2_ ls__', '(?:lsv2_(?:pt|sk)_|ls__)[A-Za-z0-9_]{20,}'),
  format('langfuse-key', 'sk-lf- pk-lf-', '[sp]k-lf-[0-9a-f-]{30,}'),
  format('tavily-key', 'tvly-', String.raw`tvly-[\w-]{16,}`),
  format('firecrawl-key', 'fc-', `${edge}fc-[0-9a-f]{32}(?![0-9a-f])`),
  format('elevenlabs-key', 'sk_', `${edge}sk_[0-9a-f]{40,}`),
  format('e2b-key', 'e2b_', 'e2b_[0-9a-f]{30,}'),
  format('pinecone-key', 'pcsk_', String.raw`pcsk_\w{20,}`),
  format('nvidia-key', 'nvapi-', String.raw`nvapi-[\w-]{20,}`),
  format('voyage-key', 'pa-', `${edge}pa-[A-Za-z0-9_-]{40,}`, looksRandom),
  format(
    'supabase-key',
    'sbp_ sb_secret_ sb_publishable_',
    String.raw`(?:sbp_[0-9a-f]{32,}|sb_(?:secret|publishable)_[\w-]{16,})`,
  ),
  format('linear-key', 'lin_', 'lin_(?:api|oauth)_[A-Za-z0-9]{24,}'),
  format('notion-token', 'ntn_ secret_', '(?:ntn_[A-Za-z0-9]{30,}|secret_[A-Za-z0-9]{40,})'),
  format('airtable-token', 'pat', String.raw`pat[A-Za-z0-9]{14}\.[0-9a-f]{32,}`),
  format('harness-token', 'pat. sat.', String.raw`(?:pat|sat)\.[\w-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}`),
  format(
    'hubspot-token',
    'pat-',
    String.raw`pat-[a-z]{2}\d-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`,
  ),
  format('figma-token', 'figd_ figo figu', String.raw`fig(?:d|oh?|ur|uh)_[\w-]{20,}`),
  format('atlassian-token', 'ATATT ATCTT', String.raw`(?:ATATT|ATCTT)[\w=+/-]{30,}`),
  format('bitbucket-token', 'ATBB', 'ATBB[A-Za-z0-9]{24,}'),
  within('asana-token', '/', String.raw`(?<![A-Za-z0-9/])[0-2]/\d{10,20}(?:/\d{10,20})?:[0-9a-f]{32}`),
  format('clickup-token', 'pk_', String.raw`${edge}pk_\d{6,10}_[A-Z0-9]{30,}`),
  format('new-relic-key', 'NRAK- NRJS- NRRA- NRII-', String.raw`NR(?:AK|JS|RA|II)-[\w-]{16,}`),
  within('new-relic-key', 'FFFFNRAL', '[0-9a-f]{36}FFFFNRAL'),
  format(
    'grafana-token',
    'glsa_ glc_ eyJrIjoi',
    String.raw`(?:glsa_\w{30,}|glc_[A-Za-z0-9+/]{30,}={0,2}|eyJrIjoi[A-Za-z0-9]{40,}={0,2})`,
  ),
  format('sentry-token', 'sntrys_ sntryu_', String.raw`sntry[su]_[\w+/=-]{30,}`),
  format(
    'vault-token',
    'hvs. hvb. hvr. s.',
    String.raw`(?:hv[sbr]\.[\w-]{20,}|(?<![A-Za-z0-9.])s\.[A-Za-z0-9]{24}(?![A-Za-z0-9.]))`,
    secret => secret.startsWith('hv') || looksRandom(secret),
  ),
  within('terraform-token', '.atlasv1.', String.raw`[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,}`),
  format('doppler-token', 'dp.', String.raw`dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{30,}`),
  format('docker-token', 'dckr_', String.raw`dckr_(?:pat|oat)_[\w-]{20,}`),
  format('planetscale-token', 'pscale_', String.raw`pscale_(?:tkn|pw|oauth)_[\w.=-]{24,}`),
  format('prefect-key', 'pnu_ pnb_', 'pn[ub]_[A-Za-z0-9]{30,}'),
  format('pulumi-token', 'pul-', 'pul-[0-9a-f]{40}'),
  format('readme-key', 'rdme_', 'rdme_[a-z0-9]{60,}'),
  format('typeform-token', 'tfp_', String.raw`tfp_[\w.=-]{40,}`),
  format('infracost-key', 'ico-', 'ico-[A-Za-z0-9]{32}'),
  format('shippo-token', 'shippo_', 'shippo_(?:live|test)_[0-9a-fA-F]{40}'),
  format('duffel-token', 'duffel_', String.raw`duffel_(?:test|live)_[\w=-]{40,}`),
  format('sourcegraph-token', 'sgp_', String.raw`sgp_[\w-]{40,}`),
  format('sonar-token', 'sqp_ squ_ sqa_', 'sq[pua]_[0-9a-f]{40}'),
  format('easypost-key', 'EZAK EZTK', 'EZ[AT]K[A-Za-z0-9]{54}'),
  format('clojars-token', 'CLOJARS_', 'CLOJARS_[a-z0-9]{60}'),
  format('rubygems-key', 'rubygems_', 'rubygems_[0-9a-f]{40,}'),
  format('dynatrace-token', 'dt0', String.raw`dt0[a-z]\d\d\.[A-Z0-9]{24}(?:\.[A-Z0-9]{64})?`),
  format('openshift-token', 'sha256~', String.raw`sha256~[\w-]{43}`),
  format('defined-networking-token', 'dnkey-', String.raw`dnkey-[\w=-]{60,}`),
  format('postman-key', 'PMAK-', 'PMAK-[0-9a-f]{20,}-[0-9a-f]{30,}'),
  format('octopus-key', 'API-', '(?<![A-Za-z-])API-[A-Z0-9]{26,}'),
  format('artifactory-key', 'AKCp cmVmd', '(?:AKCp[A-Za-z0-9]{60,}|cmVmd[A-Za-z0-9]{59})'),
  within('maxmind-key', '_mmk', '[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk'),
  format('flutterwave-key', 'FLWSECK', 'FLWSECK(?:_TEST)?-[0-9a-zA-Z]{12,}(?:-X)?'),
  format('scalingo-token', 'tk-us-', String.raw`tk-us-[\w-]{48}`),
  format('frameio-token', 'fio-u-', String.raw`fio-u-[\w=-]{60,}`),
  format('dropbox-token', 'sl.', String.raw`(?<![A-Za-z0-9])sl\.[\w=-]{100,}`),
  format('render-key', 'rnd_', 'rnd_[A-Za-z0-9]{28,}'),
  format('cloudflare-token', 'cfut_ cfat_ v1.0-', String.raw`(?:cf[ua]t_[\w-]{36,}|v1\.0-[0-9a-f]{24}-[0-9a-f]{100,})`),
  format('posthog-key', 'phc_ phx_ phs_', 'ph[cxs]_[A-Za-z0-9]{36,}'),
  format('netlify-token', 'nfp_', 'nfp_[A-Za-z0-9]{32,}'),
  format('settlemint-token', 'sm_aat_ sm_pat_ sm_sat_', 'sm_[aps]at_[A-Za-z0-9]{16}'),
  format('resend-key', 're_', `${edge}re_[A-Za-z0-9]{8,}_[A-Za-z0-9]{20,}`),
  format('browserbase-key', 'bb_live_', String.raw`bb_live_[\w-]{20,}`),
  format('cratesio-token', 'cio', `${edge}cio[A-Za-z0-9]{32}(?![A-Za-z0-9])`, looksRandom),
  format('age-key', 'AGE-SECRET-KEY-', 'AGE-SECRET-KEY-1[A-Z0-9]{40,}'),
  format('1password-token', 'ops_eyJ A3-', String.raw`(?:ops_eyJ[\w+/=-]{40,}|A3-[A-Z0-9]{6}(?:-[A-Z0-9]{5,11}){4,6})`),
  format('facebook-token', 'EAA', 'EAA[A-Za-z0-9]{40,}', looksRandom),
  format('flyio-token', 'fm1 fm2_ fo1_', String.raw`(?:fm\d[ra]?_[\w+/=,-]{40,}|fo1_[\w-]{30,})`),
  format('heroku-key', 'HRKU-', String.raw`HRKU-[\w-]{30,}`),
  format('alibaba-key', 'LTAI', 'LTAI[A-Za-z0-9]{12,26}(?![A-Za-z0-9])'),
  format('tencent-key', 'AKID', 'AKID[A-Za-z0-9]{32}(?![A-Za-z0-9])'),
  format(
    'yandex-key',
    'AQVN t1. y0_ y1_ y2_ y3_',
    String.raw`(?:AQVN[\w-]{35,38}|(?<![A-Za-z0-9])t1\.[\w-]+={0,2}\.[\w-]{80,}={0,2}|y[0-3]_[\w-]{50,})`,
  ),
  format('adobe-secret', 'p8e-', 'p8e-[A-Za-z0-9_-]{32}'),
  within('azure-secret', 'Q~', String.raw`[\w.~]{3}\dQ~[\w.~-]{31,34}`),
  within(
    'azure-key',
    '+ASt +AMC +ACDb AzSe ACRA AzFu APIM AZDO',
    String.raw`(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{40,90}(?:\+ASt|\+AMC|\+ACDb|AzSe|ACRA|AzFu|APIM|AZDO)[A-Za-z0-9+/]{4,20}={0,2}`,
  ),
  format('tailscale-key', 'tskey-', String.raw`tskey-[a-z]{2,12}-[\w-]{16,}`),
  format('amp-token', 'sgamp_', String.raw`sgamp_[\w-]{20,}`),
  format('jina-key', 'jina_', 'jina_[A-Za-z0-9_-]{30,}'),
  format('apify-token', 'apify_api_', 'apify_api_[A-Za-z0-9]{20,}'),
  format('matrix-token', 'syt_', `${edge}syt_[A-Za-z0-9+/=]{2,100}_[A-Za-z0-9]{10,}_[A-Za-z0-9]{6}`),
  format('ntfy-token', 'tk_', `${edge}tk_[a-z0-9]{29}(?![a-z0-9])`),
  format('jwt', 'eyJ', String.raw`eyJ[\w-]{6,}(?:\.|%2E)[\w-]{6,}(?:\.[\w-]*){0,3}`),
  format('jwt', 'ZXlK', 'ZXlK[A-Za-z0-9+/_-]{40,}={0,2}'),
  format('macaroon', 'MDAx AgEI', '(?:MDAx[A-Za-z0-9+/_-]{60,}|AgEI[A-Za-z0-9+/_-]{60,})={0,2}'),
  format('oauth-code', '4/0', String.raw`(?<![\w/])4/0[\w-]{40,}`),
];

/** The rows by their hints; a hint of one character is in nearly every text. */
const rows = [...secretFormats, ...addressFormats];
const rowsOf = Map.groupBy(
  rows.flatMap(format => format.hints.map(hint => ({ hint, format }))),
  ({ hint }) => hint,
);
const always = rows.filter(({ hints }) => hints.some(hint => hint.length === 1));
const hints = [...rowsOf.keys()].filter(hint => hint.length > 1);
/** Of two hints that begin alike the shorter leads to both. */
const shortHints = hints.filter(hint => !hints.some(one => one !== hint && hint.startsWith(one)));
const rowsAt = Map.groupBy(
  hints.flatMap(hint => rowsOf.get(hint) ?? []),
  ({ hint }) => shortHints.find(short => hint.startsWith(short)) ?? hint,
);
const anyHint = anyOf(shortHints);

/** Keys that show by their form whose they are. */
export const findFormats: Finder = (text, report) => {
  const searched = new Set(always);
  anyHint.lastIndex = 0;
  for (let found = anyHint.exec(text); found !== null; found = anyHint.exec(text)) {
    const here = rowsAt.get(found[0])?.filter(({ hint }) => text.startsWith(hint, found.index)) ?? [];
    for (const { format } of here) if (!format.pattern.sticky) searched.add(format);
    anyHint.lastIndex = keyAt(text, found.index, here, report);
  }
  for (const { kind, pattern, accept } of searched)
    for (const found of text.matchAll(pattern)) {
      const before = found.groups?.['before']?.length ?? 0;
      const secret = found[0].slice(before);
      if (!secret.startsWith('[redacted ') && (accept === undefined || accept(secret)))
        report(found.index + before, found.index + found[0].length, kind);
    }
};

/** Characters of a key, to know the end of a run that was searched in vain. */
const run = /[\w-]*/y;
/** A run longer than this is not searched from each of its places. */
const longRun = 500;

/** Reports the key that begins here; gives back from where to read on. */
const keyAt = (
  text: string,
  at: number,
  here: readonly { readonly format: SecretFormat }[],
  report: Report,
): number => {
  for (const { format } of here) {
    const { kind, pattern, accept } = format;
    if (!pattern.sticky) continue;
    pattern.lastIndex = at;
    const secret = pattern.exec(text)?.[0];
    if (secret !== undefined && (accept === undefined || accept(secret.slice(0, longRun)))) {
      report(at, at + secret.length, kind);
      return at + secret.length;
    }
    run.lastIndex = at;
    const searched = run.exec(text)?.[0].length ?? 0;
    if (searched > longRun) return at + searched;
  }
  return at + 1;
};
