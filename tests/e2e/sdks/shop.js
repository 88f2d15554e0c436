// A shop with an official Node SDK, run in a folder that has it: `node shop.js SDK HOST WRITE_KEY NAME`.
'use strict'
const [sdk, host, writeKey, name] = process.argv.slice(2)
const installed = (module) => require(require.resolve(module, { paths: [process.cwd()] }))

function client() {
  if (sdk === 'segment') {
    const { Analytics } = installed('@segment/analytics-node')
    const analytics = new Analytics({ writeKey, host, maxRetries: 5 })
    analytics.on('error', fail)
    return [analytics, () => analytics.closeAndFlush({ timeout: 20000 })]
  }
  const Analytics = installed('@rudderstack/rudder-sdk-node')
  const analytics = new (Analytics.default || Analytics)(writeKey, { dataPlaneUrl: host, flushAt: 100 })
  return [analytics, () => new Promise((done) => analytics.flush((error) => (error ? fail(error) : done())))]
}

function fail(error) {
  console.error('the SDK gave up:', error)
  process.exit(1)
}

const [analytics, finish] = client()
const visitor = { anonymousId: `visitor-${name}` }
const user = { userId: `user-${name}` }
const order = (number, more) => ({ order_id: `${name}-${number}`, currency: 'USD', ...more })

analytics.page({ ...visitor, category: 'Shop', name: 'Home', properties: { path: '/' } })
analytics.track({ ...visitor, event: 'Order Completed', properties: order('1', { total: 20.0 }) })
analytics.identify({ ...user, ...visitor, traits: { email: `${name}@shop.example`, name: 'Nguyễn Ánh' } })
analytics.track({ ...user, event: 'Order Completed', properties: order('2', { total: '30.50' }) })
analytics.track({ ...user, event: 'Order Completed', properties: order('3', { total: 'not money' }) })
analytics.track({ ...user, event: 'Order Refunded', properties: order('1', { total: 5 }) })
analytics.screen({ ...user, name: 'Thanks' })
analytics.group({ ...user, groupId: `group-${name}`, traits: { plan: 'gold' } })
analytics.alias({ ...user, previousId: `old-${name}` })
finish().then(() => setTimeout(() => process.exit(0), 100))
