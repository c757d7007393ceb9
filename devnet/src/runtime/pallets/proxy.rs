//! Acting for another account (chain interface, section 3.10): without announcements, so without delays.

mod filter;

pub use filter::ProxyType;

/// The pallet.
// FRAME generates undocumented public items.
#[allow(missing_docs)]
#[frame_support::pallet]
pub mod pallet {
    use frame_support::{
        dispatch::{GetDispatchInfo, PostDispatchInfo},
        pallet_prelude::*,
        traits::{Currency, InstanceFilter, IsSubType, OriginTrait, ReservableCurrency},
    };
    use frame_system::pallet_prelude::*;
    use sp_runtime::traits::{Dispatchable, StaticLookup};

    type BalanceOf<T> =
        <<T as Config>::Currency as Currency<<T as frame_system::Config>::AccountId>>::Balance;
    type LookupOf<T> = <<T as frame_system::Config>::Lookup as StaticLookup>::Source;

    /// The time a change of the proxies takes, in picoseconds.
    const PROXY_REF_TIME_PS: u64 = 50_000_000;

    #[pallet::pallet]
    pub struct Pallet<T>(_);

    #[pallet::config]
    pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
        /// What can be called.
        type Call: Parameter
            + Dispatchable<RuntimeOrigin = Self::RuntimeOrigin, PostInfo = PostDispatchInfo>
            + GetDispatchInfo
            + IsSubType<Call<Self>>
            + IsType<<Self as frame_system::Config>::RuntimeCall>;
        /// Holds the deposits.
        type Currency: ReservableCurrency<Self::AccountId>;
        /// What a proxy may do. The default allows everything.
        type ProxyType: Parameter
            + Member
            + Ord
            + InstanceFilter<<Self as Config>::Call>
            + Default
            + MaxEncodedLen;
        /// The deposit for the first proxy.
        #[pallet::constant]
        type ProxyDepositBase: Get<BalanceOf<Self>>;
        /// The deposit for each proxy.
        #[pallet::constant]
        type ProxyDepositFactor: Get<BalanceOf<Self>>;
        /// The most proxies of an account.
        #[pallet::constant]
        type MaxProxies: Get<u32>;
    }

    /// Somebody who may act for an account.
    #[derive(
        Encode,
        Decode,
        DecodeWithMemTracking,
        Clone,
        Eq,
        PartialEq,
        Ord,
        PartialOrd,
        Debug,
        MaxEncodedLen,
        TypeInfo,
    )]
    pub struct ProxyDefinition<AccountId, ProxyType, BlockNumber> {
        /// Who.
        pub delegate: AccountId,
        /// In what.
        pub proxy_type: ProxyType,
        /// After how many blocks; always 0 here.
        pub delay: BlockNumber,
    }

    type Definition<T> =
        ProxyDefinition<<T as frame_system::Config>::AccountId, <T as Config>::ProxyType, BlockNumberFor<T>>;

    /// Who may act for an account, and the deposit for it.
    #[pallet::storage]
    pub type Proxies<T: Config> = StorageMap<
        _,
        Twox64Concat,
        T::AccountId,
        (BoundedVec<Definition<T>, T::MaxProxies>, BalanceOf<T>),
        ValueQuery,
    >;

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A call was made for another account.
        ProxyExecuted {
            /// What came of it.
            result: DispatchResult,
        },
        /// A proxy was added.
        #[codec(index = 4)]
        ProxyAdded {
            /// For whom.
            delegator: T::AccountId,
            /// Who.
            delegatee: T::AccountId,
            /// In what.
            proxy_type: T::ProxyType,
            /// After how many blocks.
            delay: BlockNumberFor<T>,
        },
        /// A proxy was removed.
        #[codec(index = 5)]
        ProxyRemoved {
            /// For whom.
            delegator: T::AccountId,
            /// Who.
            delegatee: T::AccountId,
            /// In what.
            proxy_type: T::ProxyType,
            /// After how many blocks.
            delay: BlockNumberFor<T>,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// There are as many proxies or announcements as there may be.
        TooMany,
        /// There is no such proxy.
        NotFound,
        /// The signer is no proxy of the account.
        NotProxy,
        /// The proxy may not make this call.
        Unproxyable,
        /// There is such a proxy already.
        Duplicate,
        /// The call would give a proxy more rights than it has.
        NoPermission,
        /// The call has to be announced first; a development chain takes no announcements.
        Unannounced,
        /// An account cannot be its own proxy.
        NoSelfProxy,
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Makes a call for another account.
        #[pallet::call_index(0)]
        #[pallet::weight({
            let info = call.get_dispatch_info();
            (info.call_weight.saturating_add(Weight::from_parts(PROXY_REF_TIME_PS, 0)), info.class)
        })]
        pub fn proxy(
            origin: OriginFor<T>,
            real: LookupOf<T>,
            force_proxy_type: Option<T::ProxyType>,
            call: Box<<T as Config>::Call>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let real = T::Lookup::lookup(real)?;
            let (proxies, _) = Proxies::<T>::get(&real);
            let fits = |proxy: &&Definition<T>| {
                proxy.delegate == who
                    && force_proxy_type.as_ref().is_none_or(|kind| &proxy.proxy_type == kind)
            };
            let proxy = proxies.iter().find(fits).ok_or(Error::<T>::NotProxy)?;
            Self::act(proxy.proxy_type.clone(), real, *call);
            Ok(())
        }

        /// Lets an account act for the signer.
        #[pallet::call_index(1)]
        #[pallet::weight(Weight::from_parts(PROXY_REF_TIME_PS, 0))]
        pub fn add_proxy(
            origin: OriginFor<T>,
            delegate: LookupOf<T>,
            proxy_type: T::ProxyType,
            delay: BlockNumberFor<T>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let delegate = T::Lookup::lookup(delegate)?;
            ensure!(delegate != who, Error::<T>::NoSelfProxy);
            ensure!(delay == Default::default(), Error::<T>::Unannounced);
            Proxies::<T>::try_mutate(&who, |(proxies, deposit)| -> DispatchResult {
                let new =
                    ProxyDefinition { delegate: delegate.clone(), proxy_type: proxy_type.clone(), delay };
                let place = proxies.binary_search(&new).err().ok_or(Error::<T>::Duplicate)?;
                proxies.try_insert(place, new).map_err(|_| Error::<T>::TooMany)?;
                Self::settle(&who, deposit, proxies.len())
            })?;
            Self::deposit_event(Event::ProxyAdded { delegator: who, delegatee: delegate, proxy_type, delay });
            Ok(())
        }

        /// Stops an account from acting for the signer.
        #[pallet::call_index(2)]
        #[pallet::weight(Weight::from_parts(PROXY_REF_TIME_PS, 0))]
        pub fn remove_proxy(
            origin: OriginFor<T>,
            delegate: LookupOf<T>,
            proxy_type: T::ProxyType,
            delay: BlockNumberFor<T>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let delegate = T::Lookup::lookup(delegate)?;
            Proxies::<T>::try_mutate_exists(&who, |entry| -> DispatchResult {
                let (mut proxies, mut deposit) = entry.take().ok_or(Error::<T>::NotFound)?;
                let old =
                    ProxyDefinition { delegate: delegate.clone(), proxy_type: proxy_type.clone(), delay };
                let place = proxies.binary_search(&old).ok().ok_or(Error::<T>::NotFound)?;
                proxies.remove(place);
                Self::settle(&who, &mut deposit, proxies.len())?;
                *entry = (!proxies.is_empty()).then_some((proxies, deposit));
                Ok(())
            })?;
            Self::deposit_event(Event::ProxyRemoved {
                delegator: who,
                delegatee: delegate,
                proxy_type,
                delay,
            });
            Ok(())
        }

        /// Stops everybody from acting for the signer.
        #[pallet::call_index(3)]
        #[pallet::weight(Weight::from_parts(PROXY_REF_TIME_PS, 0))]
        pub fn remove_proxies(origin: OriginFor<T>) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let (_, deposit) = Proxies::<T>::take(&who);
            T::Currency::unreserve(&who, deposit);
            Ok(())
        }
    }

    impl<T: Config> Pallet<T> {
        /// Makes the call as `real`, inside the bounds of the proxy's type.
        fn act(kind: T::ProxyType, real: T::AccountId, call: <T as Config>::Call) {
            let mut origin: T::RuntimeOrigin = frame_system::RawOrigin::Signed(real).into();
            origin.add_filter(move |call: &<T as frame_system::Config>::RuntimeCall| {
                let call = <T as Config>::Call::from_ref(call);
                match call.is_sub_type() {
                    Some(Call::add_proxy { proxy_type, .. } | Call::remove_proxy { proxy_type, .. })
                        if !kind.is_superset(proxy_type) =>
                    {
                        false
                    }
                    Some(Call::remove_proxies {}) if kind != T::ProxyType::default() => false,
                    _ => kind.filter(call),
                }
            });
            let result = call.dispatch(origin);
            Self::deposit_event(Event::ProxyExecuted {
                result: result.map(|_| ()).map_err(|refusal| refusal.error),
            });
        }

        /// Brings the deposit to what this many proxies need.
        fn settle(who: &T::AccountId, deposit: &mut BalanceOf<T>, proxies: usize) -> DispatchResult {
            let count = BalanceOf::<T>::from(u32::try_from(proxies).expect("bounded by MaxProxies"));
            let needed = match proxies {
                0 => Default::default(),
                _ => T::ProxyDepositBase::get() + T::ProxyDepositFactor::get() * count,
            };
            if needed > *deposit {
                T::Currency::reserve(who, needed - *deposit)?;
            } else {
                T::Currency::unreserve(who, *deposit - needed);
            }
            *deposit = needed;
            Ok(())
        }
    }
}

pub use pallet::*;
