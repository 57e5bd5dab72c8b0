//! From one configuration to the next: which identities stay as they are, which begin anew, which go.
//!
//! Nothing here can fail: a configuration that does not hold is refused before it comes here.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::base::Directory;
use super::control::Control;
use super::gauges::Gauges;
use super::keeper::{Keeper, Pace};
use super::minting::{Cap, Names};
use super::need::Need;
use super::pace::Budget;
use super::sts::Sts;
use super::tenants::{Premises, Tenants};
use super::{Identities, Identity, sources, tables};
use crate::aws::{Aws, chain};
use crate::config::Config;
use crate::registry::Registry;
use crate::session::IdentityName;
use crate::telemetry::Metrics;

/// What identities share, whatever the configuration.
pub(super) struct Shared {
    pub aws: Aws,
    pub registry: Registry,
    pub metrics: Arc<Metrics>,
    pub budget: Arc<Budget>,
    pub names: Arc<Names>,
    pub directory: Arc<Directory>,
    news: Arc<Notify>,
    controls: Mutex<BTreeMap<IdentityName, Arc<Control>>>,
    stop: CancellationToken,
    renewals: TaskTracker,
    /// What became of a renewal task that broke.
    broken: watch::Sender<Option<String>>,
}

impl Identities {
    /// Makes every identity and spawns its renewal; all end when `stop` is cancelled.
    pub fn start(
        config: &Config,
        aws: &Aws,
        registry: &Registry,
        metrics: &Arc<Metrics>,
        stop: &CancellationToken,
    ) -> Self {
        let shared = Arc::new(Shared {
            aws: aws.clone(),
            registry: registry.clone(),
            metrics: Arc::clone(metrics),
            budget: Arc::new(Budget::new(aws.clock.clone(), config.sts.calls_per_minute)),
            names: Arc::new(Names::new()),
            directory: Arc::default(),
            news: Arc::default(),
            controls: Mutex::default(),
            stop: stop.clone(),
            renewals: TaskTracker::new(),
            broken: watch::Sender::new(None),
        });
        registry.paused_when_opened().iter().for_each(|(name, _)| _ = shared.control(name).gate.close());
        Self { all: [].into(), shared }.next(config)
    }

    /// The identities of another configuration. One whose table is the same stays as it is; one whose table still names
    /// the same source begins with the sessions of the former; any other begins with none.
    ///
    /// Both work until [`Self::give_way_to`] is called.
    pub fn next(&self, config: &Config) -> Self {
        let shared = Arc::clone(&self.shared);
        shared.budget.set(config.sts.calls_per_minute);
        shared.metrics.sts_budget_calls_per_minute.set(config.sts.calls_per_minute.into());
        let make = |(name, table): (&IdentityName, &tables::Identity)| {
            let table = tables::Identity { sts: table.sts.or(&config.sts.endpoint), ..table.clone() };
            let former = self.all.get(name);
            let identity = match former.filter(|former| former.table == table) {
                Some(same) => Arc::clone(same),
                None => shared.identity(name, table, former),
            };
            (name.clone(), identity)
        };
        let all = config.identities.iter().map(make).collect();
        shared.directory.replace(&all);
        // Not before: each looks for its base at once.
        let goes_on = |name, one| self.all.get(name).is_some_and(|former| Arc::ptr_eq(former, one));
        all.iter().filter(|(name, one)| !goes_on(*name, one)).for_each(|(_, one)| shared.run(Arc::clone(one)));
        Self { all, shared }
    }

    /// Waits until an attempt to get a session has ended, of whichever identity, also after a reload. For one who waits:
    /// what ended before it came is told at once.
    pub async fn news(&self) {
        self.shared.news.notified().await;
    }

    /// Ends the renewal of what `next` has not taken over. Who waits for a session there is told to ask again.
    pub fn give_way_to(&self, next: &Self) {
        for (name, identity) in &self.all {
            if !next.all.get(name).is_some_and(|one| Arc::ptr_eq(one, identity)) {
                identity.keeper.retire();
                identity.tenants.iter().for_each(|tenants| tenants.retire());
            }
        }
        let parted = next.all.values().filter_map(|identity| identity.tenants.as_ref());
        parted.for_each(|tenants| tenants.gauges.renew());
    }

    /// Waits until every renewal task has ended, which each does when it is told to stop.
    ///
    /// # Errors
    /// Says which broke before that.
    pub fn ended(&self) -> impl Future<Output = Result<(), String>> + Send + use<> {
        let (shared, mut broken) = (Arc::clone(&self.shared), self.shared.broken.subscribe());
        async move {
            tokio::select! {
                Ok(broken) = broken.wait_for(Option::is_some) => return Err(broken.clone().unwrap_or_default()),
                () = shared.stop.cancelled() => {}
            }
            shared.renewals.close();
            shared.renewals.wait().await;
            Ok(())
        }
    }
}

impl Shared {
    fn identity(
        self: &Arc<Self>,
        name: &IdentityName,
        table: tables::Identity,
        former: Option<&Arc<Identity>>,
    ) -> Arc<Identity> {
        let cap = Cap::default();
        let keeper = self.keeper(name, &table, &cap, "");
        let former = former.filter(|former| gives_the_same_sessions(&former.table, &table));
        let tenants = self.tenants(name, &table, cap);
        match (former, &tenants) {
            (Some(former), None) => keeper.take_over(&former.keeper),
            (Some(former), Some(tenants)) => former.tenants.iter().for_each(|former| tenants.take_over(former)),
            (None, _) => {}
        }
        let sts = Sts::new(
            self.aws.clone(),
            table.sts.clone(),
            &table.s3,
            None,
            Arc::clone(&self.budget),
            Arc::clone(&self.metrics),
        );
        let mut identity = Identity::new(name.clone(), table, keeper, Arc::clone(&self.metrics)).asking(sts);
        identity.tenants = tenants;
        Arc::new(identity)
    }

    fn keeper(&self, name: &IdentityName, table: &tables::Identity, cap: &Cap, tenant: &str) -> Keeper {
        let source = sources::source(name, table, self, cap, tenant);
        let pace = Pace { headroom: table.headroom, min_pause: table.min_pause };
        let (registry, clock, stop) = (self.registry.clone(), self.aws.clock.clone(), self.stop.child_token());
        let keeper = Keeper::new(name.clone(), source, pace, registry, clock, Arc::clone(&self.metrics), stop);
        keeper.looked_at_with(table.canaries.clone()).under(self.control(name))
    }

    fn tenants(self: &Arc<Self>, name: &IdentityName, table: &tables::Identity, cap: Cap) -> Option<Arc<Tenants>> {
        let partitions = table.partitions.clone()?;
        let gauges = Arc::new(Gauges::new(name.clone(), Arc::clone(&self.metrics), true));
        gauges.pause(self.control(name).gate.is_closed());
        let (name, table, shared) = (name.clone(), table.clone(), Arc::clone(self));
        let premises = Box::new(Configured { name, table, shared, cap, gauges: Arc::clone(&gauges) });
        Some(Arc::new(Tenants::new(partitions, premises, self.aws.clock.clone(), gauges)))
    }

    fn control(&self, name: &IdentityName) -> Arc<Control> {
        let mut controls = self.controls.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Control { news: Arc::clone(&self.news), ..Control::default() });
        Arc::clone(controls.entry(name.clone()).or_insert_with(new))
    }

    fn run(&self, identity: Arc<Identity>) {
        match &identity.tenants {
            Some(tenants) => tenants.run_all(),
            None => self.spawn(&identity.name.clone(), async move { _ = identity.keeper.run().await }),
        }
    }

    /// Renews something of that name until it ends.
    fn spawn(&self, name: &IdentityName, renewing: impl Future<Output = ()> + Send + 'static) {
        let (name, broken) = (name.clone(), self.broken.clone());
        self.renewals.spawn(async move {
            // In a task of its own, so that a panic is seen.
            if let Err(error) = tokio::spawn(renewing).await {
                broken.send_replace(Some(format!("identity {name}: {}", chain(&error))));
            }
        });
    }
}

/// Parts as a table with partitions describes them.
struct Configured {
    name: IdentityName,
    /// With what `[sts]` adds to it.
    table: tables::Identity,
    shared: Arc<Shared>,
    /// What one part learns of the role holds for all.
    cap: Cap,
    gauges: Arc<Gauges>,
}

impl Premises for Configured {
    fn part(&self, tenant: &str, need: Need) -> Result<Arc<Identity>, String> {
        let table = self.table.of_tenant(tenant)?;
        let keeper = self.shared.keeper(&self.name, &table, &self.cap, tenant);
        let keeper = keeper.of_tenant(tenant.to_owned(), need, Arc::clone(&self.gauges));
        Ok(Arc::new(Identity::new(self.name.clone(), table, keeper, Arc::clone(&self.shared.metrics))))
    }

    fn spawn(&self, renewing: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.shared.spawn(&self.name, renewing);
    }
}

/// Whether the tables differ only in when sessions are renewed and looked after, and how URLs are addressed.
fn gives_the_same_sessions(one: &tables::Identity, other: &tables::Identity) -> bool {
    let tables::Identity { headroom, min_pause, s3, canaries, .. } = other.clone();
    let mut same = tables::Identity { headroom, min_pause, s3, canaries, ..one.clone() };
    if let (Some(one), Some(other)) = (&mut same.partitions, &other.partitions) {
        one.most = other.most;
    }
    same == *other
}
