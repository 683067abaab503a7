// The certified provider (npm oidc-provider) with the settings of a test: `node provider.mjs '<settings as JSON>'`.
// Standard output is its record: one JSON object a line, what happened and with which tokens.
import crypto from 'node:crypto';
import dns from 'node:dns';
import Provider from 'oidc-provider';

dns.setDefaultResultOrder('ipv4first'); // the sidecar under test listens on 127.0.0.1 only

const settings = JSON.parse(process.argv[2]);
const tell = (event, facts = {}) => process.stdout.write(`${JSON.stringify({ event, ...facts })}\n`);

const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const account = (id) => ({
  accountId: id,
  claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: true, name: id, preferred_username: id }),
});

const provider = new Provider(settings.issuer, {
  clients: settings.clients,
  cookies: { keys: [crypto.randomBytes(16).toString('hex')] },
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', kid: 'signs' }] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
  findAccount: (_, id) => account(id),
  pkce: { required: () => true },
  rotateRefreshToken: true, // a second use of one ends the whole grant
  features: {
    devInteractions: { enabled: true }, // its login and consent pages
    introspection: { enabled: true },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    backchannelLogout: { enabled: true },
  },
  ttl: {
    AccessToken: settings.access_ttl_s, AuthorizationCode: 60, Grant: 3600, IdToken: 3600, Interaction: 600,
    RefreshToken: 3600, Session: 3600,
  },
  // The library's own does not fetch from loopback, where the sidecar under test is.
  fetch: (url, { dispatcher, ...options } = {}) => fetch(url, options),
});

const asked = (ctx) => ctx.oidc?.params ?? {};
provider.on('grant.success', (ctx) => tell('grant.success', {
  grant_type: asked(ctx).grant_type, scope: ctx.body.scope ?? '', access_token: ctx.body.access_token,
  refresh_token: ctx.body.refresh_token ?? '',
}));
provider.on('grant.error', (ctx, error) => tell('grant.error', {
  grant_type: asked(ctx).grant_type, error: error.error, detail: error.error_detail ?? error.error_description ?? '',
}));
provider.on('authorization.success', (ctx) => tell('authorization.success', {
  challenge_method: asked(ctx).code_challenge_method ?? '', prompt: asked(ctx).prompt ?? '',
}));
provider.on('authorization.error', (_, error) => tell('authorization.error', {
  error: error.error, detail: error.error_description ?? '',
}));
provider.on('grant.revoked', (_, grant) => tell('grant.revoked', { grant }));
provider.on('revocation.error', (_, error) => tell('revocation.error', { error: error.error }));
provider.on('refresh_token.destroyed', () => tell('refresh_token.destroyed'));
provider.on('backchannel.success', (_, client, sub, sid) => tell('backchannel.success', { sub, sid }));
provider.on('backchannel.error', (_, error, client, sub, sid) => tell('backchannel.error', {
  sub, sid, detail: String(error.message), cause: String(error.cause ?? ''),
}));
provider.on('end_session.success', () => tell('end_session.success'));
provider.on('server_error', (_, error) => tell('server_error', { detail: String(error.stack) }));

const { hostname, port } = new URL(settings.issuer);
provider.listen(Number(port), hostname, () => tell('listening'));
